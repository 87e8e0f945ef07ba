import { Counter, type Registry } from "../../core/telemetry/metrics.ts";
import type { OrchestratorErrorKind } from "../orchestrator/orchestrator.ts";

export interface KubeMetrics {
  /** Counts a request to the API server of a cluster; a watch is one request. */
  requested(cluster: string): void;
  failed(cluster: string, kind: OrchestratorErrorKind): void;
}

/** What the service asks of API servers. */
export function makeKubeMetrics(registry: Registry): KubeMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: "bcs_metric_service_kubernetes_requests_total",
    help: "Requests to API servers of Kubernetes; a watch is one.",
    labelNames: ["cluster"],
    registers,
  });
  const failures = new Counter({
    name: "bcs_metric_service_kubernetes_failures_total",
    help: "Requests to API servers of Kubernetes that failed, by kind.",
    labelNames: ["cluster", "kind"],
    registers,
  });
  return {
    requested: (cluster) => requests.inc({ cluster }),
    failed: (cluster, kind) => failures.inc({ cluster, kind }),
  };
}
