import type { Component } from "../discovery/discovery.ts";
import { addressOf, type Found, type MetricSpec, selects } from "./candidate.ts";
import { componentMeta } from "./meta_labels.ts";

/**
 * The candidates for a metric of type bcs-components among the processes in the registry: those of its cluster, and
 * those that serve every cluster. The selector, if any, is on `module`. The metric's port is not used: each process
 * announces its own, and its scheme.
 */
export function componentCandidates(
  spec: MetricSpec,
  clusterId: string,
  components: readonly Component[],
): Found[] {
  return components
    .filter((one) => one.clusterId === clusterId || one.clusterId === "")
    .filter((one) => selects(spec.selector, { module: one.module }))
    .map((one) => ({
      candidate: {
        address: addressOf(one.ip, one.metricPort),
        pod: one.id,
        scheme: one.scheme,
        labels: { module: one.module },
      },
      meta: () => componentMeta(one),
    }));
}
