import type { OpenAPIHono } from "@hono/zod-openapi";
import { Hono } from "hono";
import type { RegistryRecord } from "../../core/registry/records.ts";
import { healthRoutes, type Readiness } from "../../core/telemetry/health.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Registry } from "../../core/telemetry/metrics.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import type { TargetRow } from "../health/target_rows.ts";
import { mayRead, requireScope } from "./auth.ts";
import { authenticate } from "./authenticate.ts";
import { oldRefusals } from "./old/answer.ts";
import { oldPrefixes } from "./old/routes.ts";
import { describeApi } from "./openapi.ts";
import { apiPage, pageHeaders } from "./page.ts";
import { problem } from "./problem.ts";
import type { ServiceStatus } from "./status.ts";
import { matches, readTargetFilter } from "./target_filter.ts";
import { pageOfTargets, readPageQuery } from "./target_page.ts";
import type { Authenticator } from "./tokens.ts";

/** What the API needs of the service. */
export interface ApiDeps {
  readonly metrics: Registry;
  readonly log: Logger;
  /** Null when no tokens are configured: then only this machine is served. */
  readonly authenticator: Authenticator | null;
  readiness(): Readiness;
  targets(): readonly TargetRow[];
  collectors(): Promise<readonly CollectorRow[]>;
  exporters(): readonly RegistryRecord[];
  /** The documents: service/api/resources.ts. */
  readonly resources: OpenAPIHono;
  /** What a collector without the volume talks to: service/stream/routes.ts. */
  readonly streams: Hono;
  /** Changes that wait for a confirmation: service/guards/routes.ts. */
  readonly guards: Hono;
  /** What clients of the original system talk to: service/api/old/routes.ts. */
  readonly oldApi: Hono;
  /** What tells why something is as it is: service/api/diagnosis_routes.ts. */
  readonly diagnosis: Hono;
  status(): Promise<ServiceStatus>;
}

/**
 * The service's HTTP application:
 *
 * | route                | answer                                                                                  |
 * | -------------------- | --------------------------------------------------------------------------------------- |
 * | `GET /v1/targets`    | `{targets: TargetRow[], continue?}`; filters cluster, namespace, metric, collector, health; limit, continue |
 * | `GET /v1/explain`    | why something is scraped or not: service/api/explain_routes.ts                          |
 * | `GET /v1/events`     | what happens, as it does: service/api/events_routes.ts                                  |
 * | `GET /v1/collectors` | `{collectors: CollectorRow[]}`                                                          |
 * | `GET /v1/exporters`  | `{exporters: RegistryRecord[]}`                                                         |
 * | `GET /v1/status`     | {@link ServiceStatus}                                                                   |
 * | `/v1/clusters/…`     | the documents: service/api/resources.ts                                                |
 * | `GET /openapi.json`, `/docs` | what there is, for programs and for people                                      |
 * | `GET /metrics`, `/healthz`, `/readyz` | as every process serves them                                           |
 *
 * Errors are `application/problem+json`.
 */
export function makeApp(deps: ApiDeps): Hono {
  const app = new Hono();
  for (const prefix of oldPrefixes) app.use(`${prefix}/*`, oldRefusals());
  app.use(authenticate(deps.authenticator));
  app.route("/", healthRoutes(deps.metrics, () => deps.readiness()));
  app.get("/v1/targets", requireScope({ action: "any" }), (context) => {
    const { limit, continue: token, ...query } = context.req.query();
    const read = readTargetFilter(query);
    if (!read.ok) return problem(context, 400, "Bad filter", read.problem);
    const paging = readPageQuery(limit, token);
    if (!paging.ok) return problem(context, 400, "Bad page", paging.problem);
    const rows = deps.targets().filter((row) => matches(row, read.filter));
    const readable = rows.filter((row) => mayRead(context, row.cluster, row.namespace));
    return context.json(pageOfTargets(readable, paging.page));
  });
  app.get("/v1/collectors", requireScope({ action: "any" }), async (context) => {
    const rows = await deps.collectors();
    return context.json({ collectors: rows.filter((row) => mayRead(context, row.cluster, row.namespace)) });
  });
  app.get("/v1/exporters", requireScope({ action: "any" }), (context) => context.json({ exporters: deps.exporters() }));
  app.get("/v1/status", requireScope({ action: "read-all" }), async (context) => context.json(await deps.status()));
  app.route("/", deps.resources);
  app.route("/", deps.streams);
  app.route("/", deps.guards);
  app.route("/", deps.oldApi);
  app.route("/", deps.diagnosis);
  const any = requireScope({ action: "any" });
  app.get("/openapi.json", any, (context) => context.json(describeApi(app, deps.resources)));
  app.get("/docs", any, (context) => context.html(apiPage(describeApi(app, deps.resources)), 200, pageHeaders));
  app.notFound((context) => {
    return problem(context, 404, "Not found", `there is no ${context.req.method} ${context.req.path}`);
  });
  app.onError((error, context) => {
    deps.log.error({ err: error, path: context.req.path }, "answering a request failed");
    return problem(context, 500, "Internal error", "the service's log has the reason");
  });
  return app;
}
