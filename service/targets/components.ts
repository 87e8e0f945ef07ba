import type { Component } from "../discovery/discovery.ts";
import { addressOf, type Candidate, type MetricSpec, selects } from "./candidate.ts";

/**
 * The candidates for a metric of type bcs-components among the processes in the registry: those of its cluster, and
 * those that serve every cluster. The selector, if any, is on `module`. The metric's port is not used: each process
 * announces its own, and its scheme.
 */
export function componentCandidates(
  spec: MetricSpec,
  clusterId: string,
  components: readonly Component[],
): Candidate[] {
  return components
    .filter((one) => one.clusterId === clusterId || one.clusterId === "")
    .filter((one) => selects(spec.selector, { module: one.module }))
    .map((one) => ({
      address: addressOf(one.ip, one.metricPort),
      pod: one.id,
      scheme: one.scheme,
      labels: { module: one.module },
    }));
}
