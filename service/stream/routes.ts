import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { LiveRecord } from "../../core/registry/records.ts";
import { type CreateEntry, createInStore } from "../../core/store/create_entry.ts";
import type { Store } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { authorize, requireScope } from "../api/auth.ts";
import { onRevoked } from "../api/authenticate.ts";
import { problem } from "../api/problem.ts";
import { answerView } from "../api/view_list.ts";
import { serviceView } from "../api/views.ts";
import { type CollectorRegistry } from "./collector_registry.ts";
import { takeReport } from "./collector_reports.ts";
import type { StreamHub } from "./hub.ts";
import { ordinalRoutes } from "./ordinal_routes.ts";
import { registryRoutes } from "./registry_routes.ts";
import { answerStoreProblem } from "./store_problem.ts";
import { readLastEventId, readSubject } from "./subject.ts";

/** Largest report of a collector: what the store keeps of one. */
const reportBytesMax = 16 * 1024 * 1024;

/** Seconds after which a client may try again to open a stream that was refused. */
const retryAfterSeconds = 5;

export interface StreamRoutesDeps {
  readonly hub: StreamHub;
  readonly store: Store;
  readonly collectors: CollectorRegistry;
  /** Creates entries that no other process may create; that of a store whose conditional writes are exact by default. */
  readonly create?: CreateEntry;
  readonly log: Logger;
  /** The live services. */
  readonly services: () => readonly LiveRecord[];
}

/**
 * What a collector without the volume talks to (docs/streams.md):
 *
 * | route                                                                   |                                       |
 * | ----------------------------------------------------------------------- | ------------------------------------- |
 * | `GET /v1/stream?cluster=&namespace=&collector=&applications=a,b`         | its assignment, as server-sent events |
 * | `PUT /v1/clusters/{c}/namespaces/{ns}/collectors/{name}/status`          | its status, whole or what changed     |
 * | `PUT`, `POST`, `DELETE /v1/registry/collectors/{id}`                     | its record in the registry            |
 * | `GET /v1/registry/ordinals`, `POST …/claim`, `POST …/renew`             | its number among those of its name    |
 * | `GET /v1/services`                                                      | the live services                     |
 */
export function streamRoutes(deps: StreamRoutesDeps): Hono {
  const app = new Hono();
  app.get(
    "/v1/services",
    requireScope({ action: "any" }),
    (context) => answerView(context, serviceView, deps.services()),
  );
  app.get("/v1/stream", (context) => openStream(context, deps.hub));
  const statusPath = "/v1/clusters/:cluster/namespaces/:namespace/collectors/:collector/status";
  const ofNamespace = (context: Context) => ({
    action: "collect" as const,
    clusterId: context.req.param("cluster") ?? "",
    namespace: context.req.param("namespace") ?? "",
  });
  app.put(statusPath, requireScope(ofNamespace), limited(reportBytesMax), async (context) => {
    const { cluster: clusterId, namespace, collector } = context.req.param();
    const text = await context.req.text();
    return await answerStoreProblem(context, async () => {
      const taken = await takeReport(deps.store, { clusterId, namespace }, collector, text);
      if (taken.type === "taken") return context.body(null, 204);
      if (taken.type === "invalid") return problem(context, 400, "Bad status", taken.reason);
      const detail = "the change does not build on the last status that was told: send the whole status";
      return problem(context, 409, "Outdated status", detail);
    });
  });
  app.route("/", registryRoutes(deps.collectors));
  app.route("/", ordinalRoutes({ create: createInStore(deps.store), ...deps }));
  return app;
}

/** Refuses a body with more bytes, however it comes. */
export function limited(bytesMax: number) {
  return bodyLimit({
    maxSize: bytesMax,
    onError: (context) => problem(context, 413, "Body too large", `the limit is ${bytesMax} bytes`),
  });
}

function openStream(context: Context, hub: StreamHub): Response {
  const read = readSubject(context.req.query());
  if (!read.ok) return problem(context, 400, "Bad subscription", read.problem);
  const { subject } = read;
  const refusal = authorize(context, { action: "collect", ...subject });
  if (refusal !== null) return refusal;
  let unwatchToken = () => {};
  const stream = hub.open(subject, readLastEventId(context.req.header("last-event-id")), () => unwatchToken());
  if (stream === null) {
    context.header("retry-after", String(retryAfterSeconds));
    return problem(context, 503, "Too many streams", "this service serves as many streams as it can; try another one");
  }
  unwatchToken = onRevoked(context, () => stream.close());
  return context.body(stream.body, 200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    // Proxies of the nginx family would hold events back otherwise.
    "x-accel-buffering": "no",
  });
}
