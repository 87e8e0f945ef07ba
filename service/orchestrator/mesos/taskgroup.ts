import { z } from "zod";
import { instanceName } from "../names.ts";
import type { InstanceState, InstanceStatus } from "../workload.ts";

/** A taskgroup of BCS, which is one instance of an application, as far as it matters here. */
export const taskgroupSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  status: z.string().default(""),
  message: z.string().default(""),
  bcsMessage: z.string().default(""),
  containerStatuses: z.array(z.looseObject({
    status: z.string().default(""),
    message: z.string().default(""),
    exitcode: z.number().default(0),
    restartCount: z.number().default(0),
  })).nullish(),
});
export type Taskgroup = z.output<typeof taskgroupSchema>;

const states: Readonly<Record<string, InstanceState>> = {
  Staging: "starting",
  Starting: "starting",
  Running: "running",
  Killing: "stopping",
};
const messageCharsMax = 300;

/** Names begin with the ordinal: `<ordinal>.<application>.<namespace>.<cluster>.<time>`; null for any other. */
export function ordinalOf(name: string): number | null {
  const match = /^(\d{1,4})\./.exec(name);
  return match === null ? null : Number(match[1]);
}

/**
 * The instances of a workload, with `starting` for each that is asked for and not there yet. Where an instance is being
 * replaced the younger of two counts.
 */
export function instancesOf(workload: string, replicas: number, taskgroups: readonly Taskgroup[]): InstanceStatus[] {
  const byOrdinal = new Map<number, Taskgroup>();
  for (const one of taskgroups.toSorted((a, b) => timeOf(a) < timeOf(b) ? -1 : 1)) {
    const ordinal = ordinalOf(one.metadata.name);
    if (ordinal !== null) byOrdinal.set(ordinal, one);
  }
  const missing = Array.from({ length: replicas }, (_, ordinal) => ordinal).filter((one) => !byOrdinal.has(one));
  return [...byOrdinal.keys(), ...missing].toSorted((a, b) => a - b)
    .map((ordinal) => instanceOf(workload, ordinal, byOrdinal.get(ordinal)));
}

/** Why an instance does not run, in the words of BCS; "" when nothing is known to be wrong. */
export function problemOf(taskgroups: readonly Taskgroup[]): string {
  const bad = taskgroups.find(({ status }) => status !== "Running" && status !== "Killing" && status !== "Killed");
  if (bad === undefined) return "";
  const said = [bad.bcsMessage, bad.message, ...(bad.containerStatuses ?? []).map(({ message }) => message)]
    .find((text) => text !== "") ?? "";
  if (said === "" && states[bad.status] === "starting") return "";
  return (said === "" ? bad.status : `${bad.status}: ${said}`).slice(0, messageCharsMax);
}

function instanceOf(workload: string, ordinal: number, taskgroup: Taskgroup | undefined): InstanceStatus {
  const name = instanceName(workload, ordinal);
  if (taskgroup === undefined) return { name, ordinal, state: "starting", pid: 0, restarts: 0, lastEnd: "" };
  const { status, containerStatuses } = taskgroup;
  const container = containerStatuses?.[0];
  const state = states[status] ?? "waiting";
  const lastEnd = state === "waiting" ? `exit code ${container?.exitcode ?? 0}` : "";
  return { name, ordinal, state, pid: 0, restarts: container?.restartCount ?? 0, lastEnd };
}

/** Nanoseconds at the end of the name: too many digits for a number. */
function timeOf({ metadata: { name } }: Taskgroup): bigint {
  const match = /\.(\d+)$/.exec(name);
  return match === null ? 0n : BigInt(match[1] ?? 0);
}
