import type { Hono } from "hono";
import { healthRoutes, type Readiness } from "../core/telemetry/health.ts";
import type { Registry } from "../core/telemetry/metrics.ts";
import { mayRead } from "./access/access.ts";
import { guardHttp, type HttpAccess } from "./access/http.ts";
import type { SinkStats } from "./delivery/delivery.ts";
import { exportRoute, type ExportRouteDeps, mayExport } from "./ingest/export_route.ts";
import type { IngestStats } from "./ingest/server.ts";
import type { WalStats } from "./wal/wal.ts";

/** How the exporter is: the answer of `GET /v1/status`. Counts are since the start of the process. */
export interface ExporterStatus extends IngestStats {
  readonly name: string;
  readonly wal: WalStats;
  readonly sinks: readonly SinkStats[];
}

export interface ExporterHttpDeps extends HttpAccess, ExportRouteDeps {
  readonly metrics: Registry;
  readonly readiness: () => Readiness;
  /** Null while the log is still being recovered. */
  readonly status: () => ExporterStatus | null;
}

/**
 * The exporter's HTTP routes: health and metrics, open to everybody who reaches the port; status and export, and
 * whatever is added, for those who may.
 */
export function exporterRoutes(deps: ExporterHttpDeps): Hono {
  const { metrics, readiness, status } = deps;
  const app = healthRoutes(metrics, readiness);
  app.use(guardHttp(deps, (asked) => asked.path.startsWith("/api/") ? mayExport(asked) : mayRead(asked.grant)));
  app.route("/", exportRoute(deps));
  app.get("/v1/status", (context) => {
    const now = status();
    return now === null ? context.json({ error: "the exporter is starting" }, 503) : context.json(now);
  });
  return app;
}
