import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { nameProblem } from "../../core/config/names.ts";
import { collectorId } from "../../core/registry/collector_id.ts";
import { seatMessage } from "../../core/registry/ordinals/seat.ts";
import { StoredSeats } from "../../core/registry/ordinals/stored_seats.ts";
import type { CreateEntry } from "../../core/store/create_entry.ts";
import type { Store } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { authorize } from "../api/auth.ts";
import { problem } from "../api/problem.ts";
import { answerStoreProblem } from "./store_problem.ts";

export interface OrdinalRoutesDeps {
  readonly store: Store;
  readonly create: CreateEntry;
  readonly log: Logger;
}

/** Largest claim. */
const claimBytesMax = 4096;

const path = "/v1/registry/ordinals";

const safeName = z.string().refine((name) => nameProblem(name) === null, { error: "is no safe name" });
const place = z.object({ cluster: safeName, namespace: safeName, workload: safeName });
const claim = place.extend({ seat: seatMessage });

/**
 * The numbers of a workload's collectors, for collectors that do not reach the store (docs/collectors.md): `GET` lists
 * the claims, `POST …/claim` makes one, `POST …/renew` renews or gives back one's own.
 */
export function ordinalRoutes(deps: OrdinalRoutesDeps): Hono {
  const app = new Hono();
  const limit = bodyLimit({
    maxSize: claimBytesMax,
    onError: (context) => problem(context, 413, "Body too large", `the limit is ${claimBytesMax} bytes`),
  });
  const within = async (
    context: Context,
    asked: z.output<typeof place>,
    answer: (seats: StoredSeats) => Promise<Response>,
  ): Promise<Response> => {
    const { cluster, namespace, workload } = asked;
    const refusal = authorize(context, { action: "collect", clusterId: cluster, namespace });
    if (refusal !== null) return refusal;
    const name = collectorId({ cluster, namespace, name: workload });
    return await answerStoreProblem(context, () => answer(new StoredSeats({ ...deps, workload: name })));
  };
  app.get(path, async (context) => {
    const read = place.safeParse(context.req.query());
    if (!read.success) return problem(context, 400, "Bad query", z.prettifyError(read.error));
    return await within(context, read.data, async (seats) => context.json({ seats: await seats.list() }));
  });
  app.post(`${path}/claim`, limit, async (context) => {
    const read = claim.safeParse(await jsonOf(context));
    if (!read.success) return problem(context, 400, "Bad claim", z.prettifyError(read.error));
    const { seat } = read.data;
    return await within(context, read.data, async (seats) => context.json({ held: await seats.claim(seat) }));
  });
  app.post(`${path}/renew`, limit, async (context) => {
    const read = claim.safeParse(await jsonOf(context));
    if (!read.success) return problem(context, 400, "Bad claim", z.prettifyError(read.error));
    const { seat } = read.data;
    return await within(context, read.data, async (seats) => context.json({ held: await seats.renew(seat) }));
  });
  return app;
}

/** Undefined when the body is no JSON. */
async function jsonOf(context: Context): Promise<unknown> {
  try {
    return await context.req.json();
  } catch {
    return undefined;
  }
}
