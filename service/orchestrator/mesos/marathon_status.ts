import { z } from "zod";
import type { JsonObject } from "../kubernetes/overlay.ts";
import { instanceName } from "../names.ts";
import type { InstanceState, InstanceStatus, WorkloadKey, WorkloadStatus } from "../workload.ts";
import { driftOf, labelOf } from "./marathon_app.ts";

export interface MarathonMember {
  readonly app: JsonObject;
  readonly ordinal: number;
}

const runs = z.looseObject({
  instances: z.int().default(1),
  tasks: z.array(z.looseObject({
    state: z.string().default(""),
    healthCheckResults: z.array(z.looseObject({ alive: z.boolean().default(true) })).nullish(),
  })).default([]),
  lastTaskFailure: z.looseObject({ message: z.string().default(""), state: z.string().default("") }).nullish(),
}).catch({ instances: 1, tasks: [] });

const states: Readonly<Record<string, InstanceState>> = {
  TASK_RUNNING: "running",
  TASK_STAGING: "starting",
  TASK_STARTING: "starting",
  TASK_KILLING: "stopping",
};
const messageCharsMax = 300;

/** A workload as its apps show it: Marathon itself knows of none. */
export function statusOf(
  key: WorkloadKey,
  members: readonly MarathonMember[],
): Omit<WorkloadStatus, "replicasApplied"> {
  const sorted = members.toSorted((a, b) => a.ordinal - b.ordinal);
  const wanted = sorted.filter(({ app }) => runs.parse(app).instances > 0);
  const last = sorted.at(-1);
  const several = wanted.length > 1;
  return {
    clusterId: key.clusterId,
    namespace: key.namespace,
    name: key.name,
    replicas: wanted.length,
    // Apps are written in their order: while they differ, the last one shows what had been applied before.
    fingerprint: last === undefined ? "" : labelOf(last.app, "fingerprint"),
    drift: sorted.flatMap(({ app, ordinal }) =>
      driftOf(app).map((one) => several ? { ...one, field: `${instanceName(key.name, ordinal)}.${one.field}` } : one)
    ),
    problem: wanted.map(({ app, ordinal }) => problemOf(instanceName(key.name, ordinal), app))
      .filter((text) => text !== "").join("; "),
    instances: wanted.map(({ app, ordinal }) => instanceOf(key, ordinal, app)),
  };
}

function instanceOf({ name }: WorkloadKey, ordinal: number, app: JsonObject): InstanceStatus {
  const { tasks, lastTaskFailure } = runs.parse(app);
  const best = tasks.find(({ state }) => state === "TASK_RUNNING") ?? tasks[0];
  const waits = best === undefined && (lastTaskFailure ?? null) !== null;
  return {
    name: instanceName(name, ordinal),
    ordinal,
    state: waits ? "waiting" : states[best?.state ?? "TASK_STAGING"] ?? "waiting",
    pid: 0,
    restarts: 0,
    lastEnd: waits ? lastTaskFailure?.message.slice(0, messageCharsMax) ?? "" : "",
  };
}

function problemOf(name: string, app: JsonObject): string {
  const { tasks, lastTaskFailure } = runs.parse(app);
  const running = tasks.find(({ state }) => state === "TASK_RUNNING");
  if (running?.healthCheckResults?.some(({ alive }) => !alive) === true) return `${name} is unhealthy`;
  if (running !== undefined || (lastTaskFailure ?? null) === null) return "";
  return `${name} does not run: ${lastTaskFailure?.state} ${lastTaskFailure?.message}`.slice(0, messageCharsMax);
}
