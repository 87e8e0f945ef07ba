import { Hono } from "hono";
import type { RegistryRecord } from "../../core/registry/records.ts";
import { healthRoutes, type Readiness } from "../../core/telemetry/health.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Registry } from "../../core/telemetry/metrics.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import type { TargetRow } from "../health/target_rows.ts";
import { problem } from "./problem.ts";
import type { ServiceStatus } from "./status.ts";
import { matches, readTargetFilter } from "./target_filter.ts";

/** What the API needs of the service. */
export interface ApiDeps {
  readonly metrics: Registry;
  readonly log: Logger;
  readiness(): Readiness;
  targets(): readonly TargetRow[];
  collectors(): Promise<readonly CollectorRow[]>;
  exporters(): readonly RegistryRecord[];
  status(): Promise<ServiceStatus>;
}

/**
 * The service's HTTP application:
 *
 * | route                | answer                                                                                  |
 * | -------------------- | --------------------------------------------------------------------------------------- |
 * | `GET /v1/targets`    | `{targets: TargetRow[]}`; filters cluster, namespace, metric, collector, health         |
 * | `GET /v1/collectors` | `{collectors: CollectorRow[]}`                                                          |
 * | `GET /v1/exporters`  | `{exporters: RegistryRecord[]}`                                                         |
 * | `GET /v1/status`     | {@link ServiceStatus}                                                                   |
 * | `GET /metrics`, `/healthz`, `/readyz` | as every process serves them                                           |
 *
 * Errors are `application/problem+json`.
 */
export function makeApp(deps: ApiDeps): Hono {
  const app = new Hono();
  app.route("/", healthRoutes(deps.metrics, () => deps.readiness()));
  app.get("/v1/targets", (context) => {
    const read = readTargetFilter(context.req.query());
    if (!read.ok) return problem(context, 400, "Bad filter", read.problem);
    return context.json({ targets: deps.targets().filter((row) => matches(row, read.filter)) });
  });
  app.get("/v1/collectors", async (context) => context.json({ collectors: await deps.collectors() }));
  app.get("/v1/exporters", (context) => context.json({ exporters: deps.exporters() }));
  app.get("/v1/status", async (context) => context.json(await deps.status()));
  app.notFound((context) => {
    return problem(context, 404, "Not found", `there is no ${context.req.method} ${context.req.path}`);
  });
  app.onError((error, context) => {
    deps.log.error({ err: error, path: context.req.path }, "answering a request failed");
    return problem(context, 500, "Internal error", "the service's log has the reason");
  });
  return app;
}
