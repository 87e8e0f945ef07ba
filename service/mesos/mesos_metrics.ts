import { Counter, type Registry } from "../../core/telemetry/metrics.ts";
import type { OrchestratorErrorKind } from "../orchestrator/orchestrator.ts";

export interface MesosMetrics {
  /** Counts a request to the APIs of a cluster; a watch is one request. */
  requested(cluster: string): void;
  failed(cluster: string, kind: OrchestratorErrorKind): void;
}

/** What the service asks of BCS and Marathon. */
export function makeMesosMetrics(registry: Registry): MesosMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: "bcs_metric_service_mesos_requests_total",
    help: "Requests to BCS and Marathon; a watch is one.",
    labelNames: ["cluster"],
    registers,
  });
  const failures = new Counter({
    name: "bcs_metric_service_mesos_failures_total",
    help: "Requests to BCS and Marathon that failed, by kind.",
    labelNames: ["cluster", "kind"],
    registers,
  });
  return {
    requested: (cluster) => requests.inc({ cluster }),
    failed: (cluster, kind) => failures.inc({ cluster, kind }),
  };
}
