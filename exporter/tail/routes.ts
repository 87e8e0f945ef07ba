import { Hono } from "hono";
import { messageOf } from "../../core/errors.ts";
import type { Clock } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Wal } from "../wal/wal.ts";
import { readTailQuery } from "./query.ts";
import { Tail } from "./tail.ts";

/** Tails that are open at once. Each costs a reading of the log. */
const tailsMax = 8;

export interface TailRoutesDeps {
  /** Null while the log is still being recovered. */
  readonly wal: () => Wal | null;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface TailRoutes {
  readonly app: Hono;
  /** Ends all tails. */
  readonly close: () => void;
}

/** `GET /v1/tail`: the samples that the exporter takes from now on, as JSON lines without end. */
export function tailRoutes({ wal, clock, log }: TailRoutesDeps): TailRoutes {
  const open = new Set<Tail>();
  const app = new Hono();
  app.get("/v1/tail", (context) => {
    const source = wal();
    if (source === null) return context.json({ error: "the exporter is starting" }, 503);
    if (open.size >= tailsMax) return context.json({ error: `${tailsMax} tails are open already; try later` }, 429);
    let query;
    try {
      query = readTailQuery(new URL(context.req.url).searchParams);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return context.json({ error: messageOf(error) }, 400);
    }
    const tail: Tail = new Tail({ wal: source, query, clock, log, onEnd: () => open.delete(tail) });
    open.add(tail);
    return context.body(tail.body, 200, { "content-type": "application/jsonl", "cache-control": "no-store" });
  });
  return {
    app,
    close() {
      for (const tail of open) tail.close();
    },
  };
}
