import { z } from "zod";
import { nameProblem } from "../../core/config/names.ts";
import { systemPrefix } from "../../core/store/store.ts";

/**
 * What has to be remembered of a namespace's collector workload and nobody else tells, in
 * `.bcs-metric/workloads/<clusterId>/<namespace>.json`. It also says that this installation has made or adopted a
 * workload there: without it none is removed.
 */
export interface WorkloadRecord {
  readonly clusterId: string;
  readonly namespace: string;
  /** Of the workload. */
  readonly name: string;
  /** The metric with which it was created. It stays, since another one in the labels would restart every collector. */
  readonly metric: string;
  /** Whether it was there before: then it keeps its image, and what else no document and no template says. */
  readonly adopted: boolean;
  /** A number of replicas that was found and taken over, in place of the one that the documents say (`declared`). */
  readonly accepted: AcceptedReplicas | null;
  /** Id of the approved plan whose number the workload has had; "" for none. */
  readonly approval: string;
}

export interface AcceptedReplicas {
  /** It counts for as long as the documents say this number. */
  readonly declared: number;
  readonly replicas: number;
  /** `adoption`: it came with a workload that was adopted. `drift`: somebody scaled it by hand. */
  readonly by: "adoption" | "drift";
}

export const recordsFolder = `${systemPrefix}workloads/`;

const safeName = z.string().refine((name) => nameProblem(name) === null, { error: "is no safe name" });
const replicas = z.int().min(0).max(100_000);

const schema = z.looseObject({
  clusterId: safeName,
  namespace: safeName,
  name: safeName,
  metric: z.string(),
  adopted: z.boolean(),
  accepted: z.object({ declared: replicas, replicas, by: z.enum(["adoption", "drift"]) }).nullable(),
  approval: z.string().default(""),
});

export function recordPath(
  { clusterId, namespace }: { readonly clusterId: string; readonly namespace: string },
): string {
  return `${recordsFolder}${clusterId}/${namespace}.json`;
}

export function writeRecord(record: WorkloadRecord): string {
  const { clusterId, namespace, name, metric, adopted, accepted, approval } = record;
  return `${JSON.stringify({ clusterId, namespace, name, metric, adopted, accepted, approval }, null, 2)}\n`;
}

/** The record that an entry of the store is; null when it is none, or belongs elsewhere. */
export function readRecord(path: string, text: string): WorkloadRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const read = schema.safeParse(value);
  return read.success && recordPath(read.data) === path ? read.data : null;
}
