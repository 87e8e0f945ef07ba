import { wishedReplicas } from "../autoscale/wished_replicas.ts";
import type { Workload, WorkloadStatus } from "../orchestrator/workload.ts";
import { scopeOf } from "../targets/sources.ts";
import { nextRecord, replicasOf } from "../workloads/next_record.ts";
import { recordPath, writeRecord } from "../workloads/record.ts";
import { unlistedHold, type WorkloadHold, type WorkloadRule } from "../workloads/wish.ts";
import type { PlannedScale, RecordWrite, View } from "./view.ts";
import {
  driftPolicyOf,
  saysReplicas,
  type WishSettings,
  wishSettingsDefault,
  type WorkloadInputs,
  workloadOf,
} from "./workloads.ts";

/** The workload that a namespace is to have, and how it is treated. */
export interface WishedWorkload {
  readonly workload: Workload;
  readonly rule: WorkloadRule;
  /** What is to be remembered of it from now on; null when that is remembered already, or nothing is known. */
  readonly record: RecordWrite | null;
  readonly scale: PlannedScale;
}

/** As the documents want the workload, with what was found and is taken over. */
export function wishedWorkload(
  inputs: Omit<WorkloadInputs, "settings" | "createdWith" | "adopted">,
  { found, unseen, records, scales, settings = wishSettingsDefault }: Pick<
    View,
    "found" | "unseen" | "records" | "scales" | "settings"
  >,
): WishedWorkload {
  const { clusterId, namespace, metrics, collectors, unreadableCollectors } = inputs;
  const scope = scopeOf(inputs);
  const stored = records?.get(scope) ?? null;
  const documented = workloadOf({ ...inputs, settings });
  // What was approved stands in place of what the documents say.
  const scale = scales?.get(scope);
  const declared = wishedReplicas(documented.replicas, scale);
  const approval = scale?.declared === documented.replicas ? scale.approval : "";
  const plain = { ...documented, replicas: declared };
  const drift = driftPolicyOf(collectors) ?? settings.drift;
  const record = nextRecord(stored?.record ?? null, {
    clusterId,
    namespace,
    name: plain.name,
    metrics: metrics.map(({ metadata }) => metadata.name),
    declared,
    isExplicit: saysReplicas(metrics, collectors) || declared !== documented.replicas,
    policy: drift,
    approval,
    found: unseen?.has(clusterId) === true ? undefined : foundIn(found, plain),
  });
  const accepted = record?.accepted ?? null;
  const replicas = replicasOf(declared, accepted);
  const rule: WorkloadRule = {
    drift,
    accepted: accepted === null ? null : replicas,
    approved: record !== null && record.approval !== approval,
    adopted: record?.adopted ?? false,
    hold: holdOf(unreadableCollectors, settings, record !== null),
    warning: settings.templateProblem === ""
      ? ""
      : `the workload templates as they are now are not in force: ${settings.templateProblem}`,
  };
  const workload = record === null
    ? plain
    : { ...workloadOf({ ...inputs, settings, createdWith: record.metric, adopted: record.adopted }), replicas };
  const text = record === null ? null : writeRecord(record);
  return {
    workload,
    rule,
    scale: { workload: workload.name, replicas: workload.replicas, declared: documented.replicas },
    record: text === null || text === stored?.text
      ? null
      : { scope, path: recordPath(inputs), text, replaces: stored?.revision ?? null },
  };
}

/** Null when there is no such workload, undefined while that is not known. */
function foundIn(found: View["found"], workload: Workload): WorkloadStatus | null | undefined {
  if (found === undefined || found === null) return undefined;
  const { clusterId, namespace, name } = workload;
  return found.find((one) => one.name === name && one.namespace === namespace && one.clusterId === clusterId) ?? null;
}

/** Why the workload is left alone: what is not known would make it another one. */
function holdOf(
  unreadableCollectors: readonly string[],
  settings: WishSettings,
  isRemembered: boolean,
): WorkloadHold | null {
  if (settings.templates === null) {
    return { reason: `the workload templates cannot be used: ${settings.templateProblem}`, creates: false };
  }
  const [unreadable] = unreadableCollectors;
  if (unreadable !== undefined) {
    return { reason: `its Collector document "${unreadable}" cannot be read`, creates: true };
  }
  return isRemembered ? null : unlistedHold;
}
