import { documentSchemas } from "../../core/config/schema.ts";
import type { CollectorDocument, MetricDocument } from "../../core/config/schema.ts";
import type { Pod } from "../discovery/discovery.ts";

/** A Metric of namespace `shop` for tests, with `spec` laid over the least that is needed. */
export function metricOf(name: string, spec: Record<string, unknown> = {}, namespace = "shop"): MetricDocument {
  return documentSchemas.Metric.parse({
    apiVersion: "bcs-metric/v1",
    kind: "Metric",
    metadata: { clusterId: "c1", namespace, name },
    spec: { version: "1", port: 9100, uri: "/metrics", ...spec },
  });
}

export function collectorOf(
  name: string,
  replicas: number,
  namespace = "shop",
  balance: CollectorDocument["spec"]["balance"] = "count",
): CollectorDocument {
  return documentSchemas.Collector.parse({
    apiVersion: "bcs-metric/v1",
    kind: "Collector",
    metadata: { clusterId: "c1", namespace, name },
    spec: { replicas, balance },
  });
}

/** A running pod of namespace `shop` for tests. */
export function podOf(name: string, over: Partial<Pod> = {}): Pod {
  const place = { clusterId: "c1", namespace: "shop", name };
  return { ...place, phase: "Running", ip: "10.0.0.1", hostIp: "192.168.0.1", labels: {}, ports: [], ...over };
}
