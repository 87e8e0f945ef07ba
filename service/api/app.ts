import type { OpenAPIHono } from "@hono/zod-openapi";
import { Hono } from "hono";
import type { LiveRecord } from "../../core/registry/records.ts";
import { healthRoutes, type Readiness } from "../../core/telemetry/health.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Registry } from "../../core/telemetry/metrics.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import type { TargetRow } from "../health/target_rows.ts";
import type { WorkloadRow } from "../workloads/workload_rows.ts";
import { allowedMethods } from "./allowed_methods.ts";
import { mayRead, requireScope } from "./auth.ts";
import { authenticate } from "./authenticate.ts";
import { oldRefusals } from "./old/answer.ts";
import { oldPrefixes } from "./old/routes.ts";
import { describeApi } from "./openapi.ts";
import { apiPage, pageHeaders } from "./page.ts";
import { problem } from "./problem.ts";
import { onlyParameters } from "./query.ts";
import type { ServiceStatus } from "./status.ts";
import type { Authenticator } from "./tokens.ts";
import { answerView } from "./view_list.ts";
import { collectorView, exporterView, targetView, workloadView } from "./views.ts";

/** What the API needs of the service. */
export interface ApiDeps {
  readonly metrics: Registry;
  readonly log: Logger;
  /** Null when no tokens are configured: then only this machine is served. */
  readonly authenticator: Authenticator | null;
  readiness(): Readiness;
  targets(): readonly TargetRow[];
  collectors(): Promise<readonly CollectorRow[]>;
  /** None by default. */
  workloads?(): readonly WorkloadRow[];
  exporters(): readonly LiveRecord[];
  /** The documents: service/api/resources.ts. */
  readonly resources: OpenAPIHono;
  /** What a collector without the volume talks to: service/stream/routes.ts. */
  readonly streams: Hono;
  /** Changes that wait for a confirmation: service/guards/routes.ts. */
  readonly guards: Hono;
  /** Plans for other numbers of collectors, and the pages of their links: service/autoscale/approvals/routes.ts. */
  readonly approvals: Hono;
  /** What became of every record: service/ledger/routes.ts. */
  readonly ledger: Hono;
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
 * | `GET /v1/targets`    | `{targets: TargetRow[], continue?}`; filters, labelSelector, limit, continue: service/api/views.ts |
 * | `GET /v1/explain`    | why something is scraped or not: service/api/explain_routes.ts                          |
 * | `GET /v1/events`     | what happens, as it does: service/api/events_routes.ts                                  |
 * | `GET /v1/collectors` | `{collectors: CollectorRow[], continue?}`; the same                                     |
 * | `GET /v1/workloads`  | `{workloads: WorkloadRow[], continue?}`; the same                                       |
 * | `GET /v1/exporters`  | `{exporters: LiveRecord[], continue?}`; the same                                        |
 * | `GET /v1/ledger`     | what became of every record: service/ledger/routes.ts                                  |
 * | `/v1/approvals…`     | plans for other numbers of collectors: service/autoscale/approvals/routes.ts            |
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
    const rows = deps.targets().filter((row) => mayRead(context, row.cluster, row.namespace));
    return answerView(context, targetView, rows);
  });
  app.get("/v1/collectors", requireScope({ action: "any" }), async (context) => {
    const rows = await deps.collectors();
    return answerView(context, collectorView, rows.filter((row) => mayRead(context, row.cluster, row.namespace)));
  });
  app.get("/v1/workloads", requireScope({ action: "any" }), (context) => {
    const rows = deps.workloads?.() ?? [];
    return answerView(context, workloadView, rows.filter((row) => mayRead(context, row.cluster, row.namespace)));
  });
  app.get(
    "/v1/exporters",
    requireScope({ action: "any" }),
    (context) => answerView(context, exporterView, deps.exporters()),
  );
  const readAll = requireScope({ action: "read-all" });
  app.get("/v1/status", readAll, onlyParameters(), async (context) => context.json(await deps.status()));
  app.route("/", deps.resources);
  app.route("/", deps.streams);
  app.route("/", deps.guards);
  app.route("/", deps.approvals);
  app.route("/", deps.ledger);
  app.route("/", deps.oldApi);
  app.route("/", deps.diagnosis);
  const any = requireScope({ action: "any" });
  app.get("/openapi.json", any, (context) => context.json(describeApi(app, deps.resources)));
  app.get("/docs", (context) => context.html(apiPage, 200, pageHeaders));
  app.notFound((context) => {
    const allowed = allowedMethods(app, context.req.path);
    if (allowed.length > 0) {
      context.header("allow", allowed.join(", "));
      const detail = `${context.req.path} takes ${allowed.join(", ")}, not ${context.req.method}`;
      return problem(context, 405, "Method not allowed", detail);
    }
    return problem(context, 404, "Not found", `there is no ${context.req.method} ${context.req.path}`);
  });
  app.onError((error, context) => {
    deps.log.error({ err: error, path: context.req.path }, "answering a request failed");
    return problem(context, 500, "Internal error", "the service's log has the reason");
  });
  return app;
}
