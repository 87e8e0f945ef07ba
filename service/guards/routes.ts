import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { identityOf, mayRead, requireScope } from "../api/auth.ts";
import { problem } from "../api/problem.ts";
import { answerView } from "../api/view_list.ts";
import { guardView } from "../api/views.ts";
import { answerStoreProblem } from "../stream/store_problem.ts";
import type { Confirmation, HoldState } from "./hold_state.ts";

const bodyBytesMax = 1024;
const bodySchema = z.strictObject({ hash: z.string().min(1) });

/**
 * Changes that remove suspiciously much:
 *
 * | route                                                | answer                                                  |
 * | ---------------------------------------------------- | ------------------------------------------------------- |
 * | `GET /v1/guards`                                     | `{guards: Hold[], continue?}`; see service/api/views.ts |
 * | `POST /v1/guards/{cluster}/{namespace}/confirm`      | 202; the body is `{"hash"}`, of exactly what was shown  |
 * | `POST /v1/guards/{cluster}/{namespace}/discard`      | 202; the same, and it is looked at anew                 |
 *
 * A word about what is not held is a 404, of something else than what is held now a 409.
 */
export function guardRoutes(holds: HoldState): Hono {
  const app = new Hono();
  app.get("/v1/guards", requireScope({ action: "any" }), (context) => {
    const guards = holds.all().filter((hold) => mayRead(context, hold.clusterId, hold.namespace));
    return answerView(context, guardView, guards);
  });
  const placeOf = (context: Context) => ({
    clusterId: context.req.param("cluster") ?? "",
    namespace: context.req.param("namespace") ?? "",
  });
  const limit = bodyLimit({
    maxSize: bodyBytesMax,
    onError: (context) => problem(context, 413, "Body too large", `the limit is ${bodyBytesMax} bytes`),
  });
  const scope = requireScope((context) => ({ action: "write", ...placeOf(context) }));
  const decide = (act: (context: Context, hash: string) => Promise<Decision>) => async (context: Context) => {
    const body = readBody(await context.req.text());
    if (body === null) return problem(context, 400, "Bad decision", `the body must be {"hash": "…"}`);
    return await answerStoreProblem(
      context,
      async () => answerDecision(context, body.hash, await act(context, body.hash)),
    );
  };
  const confirm = decide((context, hash) => holds.confirm(placeOf(context), hash, identityOf(context).name));
  app.post("/v1/guards/:cluster/:namespace/confirm", scope, limit, confirm);
  const discard = decide((context, hash) => holds.discard(placeOf(context), hash));
  app.post("/v1/guards/:cluster/:namespace/discard", scope, limit, discard);
  return app;
}

type Decision = Confirmation | "discarded";

function answerDecision(context: Context, hash: string, decision: Decision): Response {
  const place = `${context.req.param("cluster")}/${context.req.param("namespace")}`;
  switch (decision) {
    case "confirmed":
      return context.json({ confirmed: hash }, 202);
    case "discarded":
      return context.json({ discarded: hash }, 202);
    case "nothing-held":
      return problem(context, 404, "Nothing held", `no change of ${place} waits for a confirmation`);
    case "other-hash":
      return problem(
        context,
        409,
        "Something else is held",
        "look at GET /v1/guards again and decide about what it shows",
      );
    default:
      return decision satisfies never;
  }
}

function readBody(text: string): z.output<typeof bodySchema> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return bodySchema.safeParse(value).data ?? null;
}
