import { z } from "zod";
import type { KubeObject } from "../../kubernetes/objects.ts";
import type { InstanceState } from "../workload.ts";

/** What is kept of a pod of a collector workload. */
export interface PodView {
  readonly namespace: string;
  /** The StatefulSet that it belongs to. */
  readonly setName: string;
  readonly ordinal: number;
  readonly state: InstanceState;
  readonly restarts: number;
  readonly lastEnd: string;
  /** Why it does not run; "" when nothing is known to be wrong. */
  readonly problem: string;
}

const reasoned = z.looseObject({ reason: z.string().default(""), message: z.string().default("") });

const containerState = z.looseObject({
  waiting: reasoned.optional(),
  running: z.looseObject({}).optional(),
  terminated: reasoned.extend({ exitCode: z.number().default(0), signal: z.number().default(0) }).optional(),
});

const podParts = z.looseObject({
  metadata: z.looseObject({
    ownerReferences: z.array(z.looseObject({ kind: z.string(), name: z.string(), controller: z.boolean().optional() }))
      .nullish(),
  }),
  status: z.looseObject({
    phase: z.string().default(""),
    message: z.string().default(""),
    reason: z.string().default(""),
    conditions: z.array(reasoned.extend({ type: z.string(), status: z.string() })).nullish(),
    containerStatuses: z.array(z.looseObject({
      restartCount: z.number().default(0),
      state: containerState.default({}),
      lastState: containerState.default({}),
    })).nullish(),
  }).default({ phase: "", message: "", reason: "" }),
});

type Status = z.output<typeof podParts>["status"];

/** Waiting for these is how every container begins. */
const harmless = new Set(["", "ContainerCreating", "PodInitializing"]);
const messageCharsMax = 300;

/** Null for a pod that no StatefulSet has made. */
export function readPod(object: KubeObject): PodView | null {
  const parsed = podParts.safeParse(object);
  if (!parsed.success) return null;
  const { metadata, status } = parsed.data;
  const set = metadata.ownerReferences?.find(({ kind, controller }) => kind === "StatefulSet" && controller === true)
    ?.name;
  const ordinal = set === undefined ? null : /^\d+$/.exec(object.metadata.name.slice(set.length + 1));
  if (set === undefined || ordinal === null) return null;
  const container = status.containerStatuses?.[0];
  const ended = container?.state.terminated ?? container?.lastState.terminated;
  return {
    namespace: object.metadata.namespace,
    setName: set,
    ordinal: Number(ordinal[0]),
    state: stateOf(object, status),
    restarts: container?.restartCount ?? 0,
    lastEnd: ended === undefined ? "" : endOf(ended),
    problem: problemOf(status),
  };
}

function stateOf({ metadata }: KubeObject, status: Status): InstanceState {
  if (metadata.deletionTimestamp !== undefined) return "stopping";
  const state = status.containerStatuses?.[0]?.state;
  if (state?.running !== undefined || (state === undefined && status.phase === "Running")) return "running";
  return state?.terminated !== undefined || state?.waiting?.reason === "CrashLoopBackOff" ? "waiting" : "starting";
}

function problemOf(status: Status): string {
  const waiting = status.containerStatuses?.map(({ state }) => state.waiting).find((one) =>
    !harmless.has(one?.reason ?? "")
  );
  if (waiting !== undefined) return said(waiting);
  const unscheduled = status.conditions?.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
  if (unscheduled !== undefined) return said(unscheduled);
  return status.phase === "Failed" ? said({ ...status, reason: status.reason === "" ? "Failed" : status.reason }) : "";
}

function said({ reason, message }: { readonly reason: string; readonly message: string }): string {
  return (message === "" ? reason : `${reason}: ${message}`).slice(0, messageCharsMax);
}

function endOf({ reason, exitCode, signal }: NonNullable<z.output<typeof containerState>["terminated"]>): string {
  if (signal > 0) return `killed by signal ${signal}`;
  return ["", "Error", "Completed"].includes(reason) ? `exit code ${exitCode}` : `${reason} (exit code ${exitCode})`;
}
