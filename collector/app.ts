import type { Hono } from "hono";
import type { CollectorStatus } from "../core/registry/status.ts";
import { healthRoutes, type Readiness } from "../core/telemetry/health.ts";
import type { Registry } from "../core/telemetry/metrics.ts";

export interface AppDependencies {
  readonly metrics: Registry;
  readonly readiness: () => Readiness;
  readonly status: () => CollectorStatus;
  /** Why the assignment in force may not be what was meant; "" when all is well. */
  readonly problem: () => string;
}

/** The collector's HTTP: `/metrics`, `/healthz`, `/readyz`, and `GET /v1/targets` with how its targets fare. */
export function collectorApp(dependencies: AppDependencies): Hono {
  const app = healthRoutes(dependencies.metrics, dependencies.readiness);
  app.get("/v1/targets", (context) => context.json({ ...dependencies.status(), problem: dependencies.problem() }));
  return app;
}
