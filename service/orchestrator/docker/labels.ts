import type { WorkloadKey } from "../workload.ts";

/** What a container's labels say of it; all of them begin with `bcs-metric.`. */
export const labelNames = {
  /** Which installation it belongs to: several may share an engine. */
  owner: "bcs-metric.owner",
  cluster: "bcs-metric.cluster",
  namespace: "bcs-metric.namespace",
  workload: "bcs-metric.workload",
  ordinal: "bcs-metric.ordinal",
  /** Of the wish that it was made for; absent from a container that was made by somebody else. */
  fingerprint: "bcs-metric.fingerprint",
  /** That wish as JSON, but for the number of replicas. */
  wish: "bcs-metric.wish",
  /** Digest of what it was made from. */
  recipe: "bcs-metric.recipe",
  /** What of it would be drift when it changes, as JSON; see applied.ts. */
  applied: "bcs-metric.applied",
} as const;

const ordinalMax = 9999;

/** Whose a container is; null for one that is no collector's. */
export function placeOf(labels: Readonly<Record<string, string>>): { key: WorkloadKey; ordinal: number } | null {
  const [clusterId, namespace, name] = [labelNames.cluster, labelNames.namespace, labelNames.workload]
    .map((label) => labels[label] ?? "");
  const text = labels[labelNames.ordinal] ?? "0";
  if (!clusterId || !namespace || !name || !/^\d{1,4}$/.test(text)) return null;
  return { key: { clusterId, namespace, name }, ordinal: Math.min(Number(text), ordinalMax) };
}

export function labelsOf(owner: string, key: WorkloadKey): Record<string, string> {
  return {
    [labelNames.owner]: owner,
    [labelNames.cluster]: key.clusterId,
    [labelNames.namespace]: key.namespace,
    [labelNames.workload]: key.name,
  };
}
