import { instanceName } from "../names.ts";
import type { Difference, InstanceState, InstanceStatus, WorkloadKey, WorkloadStatus } from "../workload.ts";
import { appliedOf, driftOf } from "./applied.ts";
import type { FoundContainer } from "./engine_schema.ts";
import { labelNames } from "./labels.ts";
import { byOrdinal } from "./plan.ts";

/** What this process knows of a workload besides what the engine shows. */
export interface Memory {
  /** Of the wish that was taken last, by this process; "" and null when none was. */
  readonly fingerprint: string;
  readonly replicas: number | null;
  /** Whether it is being carried out. */
  readonly working: boolean;
  /** Why it could not be; "" when it could. */
  readonly problem: string;
  /** Ids of containers that have been asked to end. */
  readonly stopping: ReadonlySet<string>;
}

/**
 * A workload as its containers show it. The engine has no workloads: the number of replicas is that of the containers,
 * and nobody but this process knows how many there were to be; one that has just begun takes it to be these.
 */
export function statusOf(
  key: WorkloadKey,
  containers: readonly FoundContainer[],
  memory: Memory | undefined,
): WorkloadStatus {
  const { kept } = byOrdinal(containers);
  const sorted = [...kept].toSorted(([a], [b]) => a - b);
  const fingerprint = memory?.working === true
    ? memory.fingerprint
    : fingerprintOf(sorted.map(([, one]) => one), memory);
  const instances = sorted.map(([ordinal, found]) => instanceOf(key, ordinal, found, memory));
  const several = sorted.length > 1;
  const working = memory?.working === true;
  return {
    clusterId: key.clusterId,
    namespace: key.namespace,
    name: key.name,
    replicas: working ? memory.replicas ?? 0 : sorted.length,
    fingerprint,
    replicasApplied: memory?.replicas ?? (fingerprint === "" ? null : sorted.length),
    // While it is being changed, what differs is our own doing.
    drift: working
      ? []
      : sorted.flatMap(([ordinal, found]) => driftAt(instanceName(key.name, ordinal), found, several)),
    problem: [memory?.problem ?? "", firstProblem(key, sorted)].filter((text) => text !== "").join("; "),
    instances,
  };
}

/** That of all containers; while they differ, one that is not the wish's: it has not been carried out then. */
function fingerprintOf(containers: readonly FoundContainer[], memory: Memory | undefined): string {
  if (containers.length === 0) return memory?.fingerprint ?? "";
  const all = containers.map(({ Config: { Labels } }) => Labels[labelNames.fingerprint] ?? "");
  return all.find((one) => one !== memory?.fingerprint) ?? all[0] ?? "";
}

/** The field is that of the workload when it has but one instance. */
function driftAt(name: string, found: FoundContainer, several: boolean): Difference[] {
  const applied = appliedOf(found);
  if (applied === null) return [];
  return driftOf(found, applied).map((one) => several ? { ...one, field: `${name}.${one.field}` } : one);
}

function instanceOf(
  key: WorkloadKey,
  ordinal: number,
  found: FoundContainer,
  memory: Memory | undefined,
): InstanceStatus {
  return {
    name: instanceName(key.name, ordinal),
    ordinal,
    state: memory?.stopping.has(found.Id) === true ? "stopping" : stateOf(found),
    pid: found.State.Pid,
    restarts: found.RestartCount,
    lastEnd: endOf(found),
  };
}

function stateOf({ State }: FoundContainer): InstanceState {
  switch (State.Status) {
    case "created":
      return "starting";
    case "running":
    case "paused":
      return "running";
    case "removing":
      return "stopping";
    default:
      return "waiting";
  }
}

function endOf({ State }: FoundContainer): string {
  if (!["restarting", "exited", "dead"].includes(State.Status)) return "";
  if (State.OOMKilled) return "killed: out of memory";
  return State.Error === "" ? `exit code ${State.ExitCode}` : State.Error;
}

/** Of one container only: what many say in turns would be another problem each time. */
function firstProblem({ name }: WorkloadKey, sorted: readonly (readonly [number, FoundContainer])[]): string {
  for (const [ordinal, found] of sorted) {
    const problem = problemAt(instanceName(name, ordinal), found);
    if (problem !== "") return problem;
  }
  return "";
}

function problemAt(name: string, found: FoundContainer): string {
  const { State } = found;
  if (State.Status === "restarting") return `${name} ends again and again: ${endOf(found)}`;
  if (State.Status === "exited" || State.Status === "dead") return `${name} is stopped: ${endOf(found)}`;
  if (State.Status === "created" && State.Error !== "") return `${name} does not start: ${State.Error}`;
  // Between two attempts, when it has not yet shown that it is well.
  if (State.Health?.Status === "starting" && found.RestartCount > 1) {
    return `${name} was started again after it had ended, and has not shown yet that it is well`;
  }
  if (State.Status === "paused") return `${name} is paused`;
  if (State.Health?.Status !== "unhealthy") return "";
  const said = State.Health.Log?.at(-1)?.Output.replace(/\s+/g, " ").trim().slice(0, 200) ?? "";
  return `${name} is unhealthy${said === "" ? "" : `: ${said}`}`;
}
