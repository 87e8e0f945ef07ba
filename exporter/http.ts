import type { Hono } from "hono";
import { healthRoutes, type Readiness } from "../core/telemetry/health.ts";
import type { Registry } from "../core/telemetry/metrics.ts";
import type { SinkStats } from "./delivery/delivery.ts";
import type { IngestStats } from "./ingest/server.ts";
import type { WalStats } from "./wal/wal.ts";

/** How the exporter is: the answer of `GET /v1/status`. Counts are since the start of the process. */
export interface ExporterStatus extends IngestStats {
  readonly name: string;
  readonly wal: WalStats;
  readonly sinks: readonly SinkStats[];
}

export interface ExporterHttpDeps {
  readonly metrics: Registry;
  readonly readiness: () => Readiness;
  /** Null while the log is still being recovered. */
  readonly status: () => ExporterStatus | null;
}

/** The exporter's HTTP routes: health, metrics and status. */
export function exporterRoutes({ metrics, readiness, status }: ExporterHttpDeps): Hono {
  const app = healthRoutes(metrics, readiness);
  app.get("/v1/status", (context) => {
    const now = status();
    return now === null ? context.json({ error: "the exporter is starting" }, 503) : context.json(now);
  });
  return app;
}
