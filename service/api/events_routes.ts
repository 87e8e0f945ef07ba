import { type Context, Hono } from "hono";
import type { Clock } from "../../core/runtime/env.ts";
import type { EventLog, ServiceEvent } from "../events/mod.ts";
import { EventStream } from "../stream/event_stream.ts";
import { allows, identityOf, mayRead, requireScope } from "./auth.ts";
import { onRevoked } from "./authenticate.ts";
import { problem } from "./problem.ts";
import { onlyParameters } from "./query.ts";

/** Streams of events that one service serves at once; more are refused. */
export const eventStreamsMax = 200;

const retryAfterSeconds = 5;
const encoder = new TextEncoder();

export interface EventRoutes {
  readonly app: Hono;
  /** Ends all streams, and opens no more. */
  close(): void;
}

/**
 * `GET /v1/events`: what happens from now on, as server-sent events, each with its type as the event's name and its
 * JSON as data; with `Last-Event-ID`, what happened since then first. An event `missed` tells that some are gone.
 *
 * `GET /v1/events?since=ID`: `{events, last, missed}` as JSON; an empty ID asks for all that are kept.
 *
 * Both take the filters `cluster` and `namespace`, and tell only of what the token may read.
 */
export function eventRoutes(log: EventLog, clock: Clock): EventRoutes {
  const app = new Hono();
  const streams = new Set<EventStream>();
  let closed = false;
  const parameters = onlyParameters("cluster", "namespace", "since");
  app.get("/v1/events", requireScope({ action: "any" }), parameters, (context) => {
    const wanted = filterOf(context);
    const since = context.req.query("since");
    if (since !== undefined) return listSince(context, log, since, wanted);
    if (closed || streams.size >= eventStreamsMax) {
      context.header("retry-after", String(retryAfterSeconds));
      return problem(context, 503, "Too many streams", `this service serves ${eventStreamsMax} streams of events`);
    }
    return open(context, log, clock, wanted, streams);
  });
  return {
    app,
    close() {
      closed = true;
      for (const stream of streams) stream.close();
    },
  };
}

type Wanted = (event: ServiceEvent) => boolean;

function filterOf(context: Context): Wanted {
  const { cluster, namespace } = context.req.query();
  const readsAll = allows(identityOf(context), { action: "read-all" });
  return (event) =>
    (cluster === undefined || event.cluster === cluster)
    && (namespace === undefined || event.namespace === namespace)
    && (readsAll || (event.namespace !== "" && mayRead(context, event.cluster, event.namespace)));
}

function listSince(context: Context, log: EventLog, since: string, wanted: Wanted): Response {
  const { events, missed } = since === "" ? { events: log.all(), missed: false } : log.since(since);
  return context.json({ events: events.filter(wanted), last: log.lastId, missed });
}

function open(context: Context, log: EventLog, clock: Clock, wanted: Wanted, streams: Set<EventStream>): Response {
  let position = context.req.header("last-event-id") ?? log.lastId;
  let unwatchToken = () => {};
  const next = () => {
    const { events, missed } = log.since(position);
    if (missed) {
      // From here on the oldest that is kept comes next.
      position = log.firstId;
      return encode("missed", position, {});
    }
    const event = events.find(wanted);
    position = event?.id ?? log.lastId;
    return event === undefined ? null : encode(event.type, event.id, event);
  };
  const stream = new EventStream({
    clock,
    next,
    onEnd: () => {
      streams.delete(stream);
      unsubscribe();
      unwatchToken();
    },
  });
  streams.add(stream);
  const unsubscribe = log.onAdd(() => stream.changed());
  unwatchToken = onRevoked(context, () => stream.close());
  return context.body(stream.body, 200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    // Proxies of the nginx family would hold events back otherwise.
    "x-accel-buffering": "no",
  });
}

function encode(name: string, id: string, data: unknown): Uint8Array {
  return encoder.encode(`id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}
