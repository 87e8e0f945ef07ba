import { Hono } from "hono";
import type { Registry } from "./metrics.ts";

/** Whether a process can do its work now; the reason says what is missing when it cannot, or what is missing all the same. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
}

/**
 * The routes that every process serves: `/metrics` (Prometheus text), `/healthz` (alive: always 200) and
 * `/readyz` (200 when ready, else 503, with the reason if there is one).
 */
export function healthRoutes(metrics: Registry, readiness: () => Readiness): Hono {
  const app = new Hono();
  app.get("/metrics", async (context) => {
    context.header("content-type", metrics.contentType);
    return context.body(await metrics.metrics());
  });
  app.get("/healthz", (context) => context.text("ok\n"));
  app.get("/readyz", (context) => {
    const { ready, reason } = readiness();
    const because = reason === undefined ? "" : `: ${reason}`;
    return ready ? context.text(`ok${because}\n`) : context.text(`not ready: ${reason ?? "starting"}\n`, 503);
  });
  return app;
}
