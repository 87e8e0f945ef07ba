import { createHash } from "node:crypto";
import { canonicalJson } from "../../core/config/canonical.ts";
import type { MetricDocument } from "../../core/config/schema.ts";

export interface WorkloadKey {
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
}

/** The collectors of one namespace, as they are wished for. */
export interface Workload extends WorkloadKey {
  readonly clusterType: MetricDocument["spec"]["clusterType"];
  readonly replicas: number;
  /** Environment that every instance gets; a variable that exists is replaced. */
  readonly env: Readonly<Record<string, string>>;
  /** Of the workload and of its instances; a label that exists is replaced. */
  readonly labels: Readonly<Record<string, string>>;
  /** With its tag; "" for the one that the orchestrator was started with. */
  readonly image: string;
  /** Names of secrets of the namespace. */
  readonly imagePullSecrets: readonly string[];
  /** Of each instance; null leaves it to the orchestrator's default. */
  readonly resources: { readonly cpus: number; readonly memoryMiB: number } | null;
  readonly network: WorkloadNetwork;
  /**
   * Laid over what the orchestrator makes up, in the orchestrator's own terms (a StatefulSet, a BCS application, a
   * Marathon app, the body of `POST /containers/create`): objects are merged, everything else replaces.
   */
  readonly template: Readonly<Record<string, unknown>>;
  /**
   * Tells two ways apart in which the orchestrator starts instances, such as by another address of the services: a
   * workload that was started in another way is applied anew. Nothing that an orchestrator has to look at.
   */
  readonly launch?: string;
}

/** "" and false leave it to the orchestrator. */
export interface WorkloadNetwork {
  /** Mesos: BRIDGE, HOST, USER or what the cluster calls it. Docker: name of a network to join. */
  readonly networkMode: string;
  /** Mesos: such as cnm or cni. */
  readonly networkType: string;
  /** Kubernetes: `hostNetwork`. */
  readonly hostNetwork: boolean;
  /** Kubernetes: `dnsPolicy`. */
  readonly dnsPolicy: string;
}

/** What a workload has that nobody asked for. */
export const plainWorkload = {
  clusterType: "k8s",
  env: {},
  labels: {},
  image: "",
  imagePullSecrets: [],
  resources: null,
  network: { networkMode: "", networkType: "", hostNetwork: false, dnsPolicy: "" },
  template: {},
} as const satisfies Omit<Workload, keyof WorkloadKey | "replicas">;

/**
 * Tells two wishes apart: SHA-256 in hexadecimal over everything but the number of replicas, which {@link
 * WorkloadStatus} shows by itself. An orchestrator keeps it with what it made, as in an annotation.
 */
export function fingerprintOf(workload: Workload): string {
  return createHash("sha256").update(canonicalJson({ ...workload, replicas: undefined })).digest("hex");
}

export function workloadPath(key: WorkloadKey): string {
  return `${key.clusterId}/${key.namespace}/${key.name}`;
}

/** A workload as it is there. */
export interface WorkloadStatus extends WorkloadKey {
  /** That it is asked to have now, by whomever. */
  readonly replicas: number;
  /** {@link fingerprintOf} the wish that was applied last; "" when it was made from outside and never applied. */
  readonly fingerprint: string;
  /** Number of replicas that was applied last; null when none was. */
  readonly replicasApplied: number | null;
  /** What somebody else changed since it was applied, besides the number of replicas; none as a rule. */
  readonly drift: readonly Difference[];
  /** Why it is not as it is wished, such as an image that cannot be pulled; "" when nothing is known to be wrong. */
  readonly problem: string;
  /** Sorted by ordinal. */
  readonly instances: readonly InstanceStatus[];
}

/** The status of a workload that is just as it was applied, but for its instances. */
export function asApplied(workload: Workload): Omit<WorkloadStatus, "instances"> {
  const { clusterId, namespace, name, replicas } = workload;
  const fingerprint = fingerprintOf(workload);
  return { clusterId, namespace, name, replicas, fingerprint, replicasApplied: replicas, drift: [], problem: "" };
}

export interface Difference {
  /** Such as `env.MetricClusterID` or `image`. */
  readonly field: string;
  /** "" where it is not there. */
  readonly applied: string;
  readonly found: string;
}

export interface InstanceStatus {
  /** `<workload>-<ordinal>`: also the name of the instance's collection. */
  readonly name: string;
  readonly ordinal: number;
  readonly state: InstanceState;
  /** 0 while none runs, and where the orchestrator has no such thing. */
  readonly pid: number;
  /** Since the workload was applied. */
  readonly restarts: number;
  /** How the last run ended, in a few words; "" when none has. */
  readonly lastEnd: string;
}

/** `waiting`: it ended by itself and is started again after a pause. */
export type InstanceState = "starting" | "running" | "waiting" | "stopping";
