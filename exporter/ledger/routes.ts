import { type Context, Hono } from "hono";
import { messageOf } from "../../core/errors.ts";
import type { Clock } from "../../core/runtime/env.ts";
import { isLoopback } from "../../core/runtime/reachable_host.ts";
import type { Delivery } from "../delivery/delivery.ts";
import type { Wal } from "../wal/wal.ts";
import { type Ledger, ledgerOf, type OriginQuery } from "./ledger.ts";

export interface LedgerRoutesDeps {
  readonly name: string;
  readonly clock: Pick<Clock, "wallMs">;
  /** To which the HTTP port is bound. */
  readonly host: string;
  /** Everybody who asks had to say who they are. Else dead letters are shown and sent on a loopback address only. */
  readonly authenticated: boolean;
  /** Null while the exporter is starting. */
  parts(): { readonly wal: Pick<Wal, "resumePoint" | "stats">; readonly delivery: Delivery } | null;
}

const lettersShownMax = 1000;
const lettersShownDefault = 100;

/**
 * | route                               | answer                                                                       |
 * | ----------------------------------- | ---------------------------------------------------------------------------- |
 * | `GET /v1/ledger`                    | {@link Ledger}; with `cluster`, `namespace`, `collector`, `epoch`: origins too |
 * | `GET /v1/dead-letters/{sink}`       | `{total, letters}`; `limit` (100, at most 1,000), `offset`                    |
 * | `POST /v1/dead-letters/{sink}/resend` | what became of them                                                         |
 *
 * Errors are `{error}`. The last two show and move data: without authentication they are
 * served on a loopback address only.
 */
export function ledgerRoutes(deps: LedgerRoutesDeps): Hono {
  const app = new Hono();
  app.get("/v1/ledger", (context) => {
    const parts = deps.parts();
    if (parts === null) return starting(context);
    const query = readQuery(context.req.query());
    return query === "bad" ? bad(context, "epoch must be a number") : context.json(currentLedger(deps, parts, query));
  });
  app.use("/v1/dead-letters/*", async (context, next) => {
    if (deps.authenticated || isLoopback(deps.host)) return await next();
    return context.json({ error: "without --tokens, dead letters are served on a loopback address only" }, 403);
  });
  app.get("/v1/dead-letters/:sink", async (context) => {
    const { limit = String(lettersShownDefault), offset = "0" } = context.req.query();
    if (!/^\d{1,9}$/.test(limit) || !/^\d{1,9}$/.test(offset)) return bad(context, "limit and offset must be numbers");
    const letters = await deps.parts()?.delivery.deadLetters(context.req.param("sink")) ?? null;
    if (letters === null) return noSink(context);
    const from = Number(offset);
    const shown = letters.slice(from, from + Math.min(Number(limit), lettersShownMax));
    return context.json({ total: letters.length, letters: shown });
  });
  app.post("/v1/dead-letters/:sink/resend", async (context) => {
    try {
      const result = await deps.parts()?.delivery.resend(context.req.param("sink")) ?? null;
      return result === null ? noSink(context) : context.json(result);
    } catch (error) {
      return context.json({ error: `Cannot send dead letters: ${messageOf(error)}` }, 500);
    }
  });
  return app;
}

function currentLedger(
  { name, clock }: LedgerRoutesDeps,
  { wal, delivery }: NonNullable<ReturnType<LedgerRoutesDeps["parts"]>>,
  query: OriginQuery | null,
): Ledger {
  return ledgerOf({
    exporter: name,
    wallMs: clock.wallMs(),
    logEntries: wal.stats().entries,
    sinks: delivery.books(),
    acknowledged: (origin) => wal.resumePoint(origin),
  }, query);
}

/** Null when no origin is asked for. */
function readQuery(query: Readonly<Record<string, string>>): OriginQuery | null | "bad" {
  const { cluster, namespace, collector, epoch } = query;
  if (epoch !== undefined && !/^\d{1,20}$/.test(epoch)) return "bad";
  if ([cluster, namespace, collector, epoch].every((one) => one === undefined)) return null;
  return {
    ...cluster === undefined ? {} : { cluster },
    ...namespace === undefined ? {} : { namespace },
    ...collector === undefined ? {} : { collector },
    ...epoch === undefined ? {} : { epoch: BigInt(epoch) },
  };
}

function starting(context: Context): Response {
  return context.json({ error: "the exporter is starting" }, 503);
}

function bad(context: Context, error: string): Response {
  return context.json({ error }, 400);
}

function noSink(context: Context): Response {
  return context.json(
    { error: `there is no sink "${context.req.param("sink") ?? ""}", or the exporter is starting` },
    404,
  );
}
