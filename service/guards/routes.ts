import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { identityOf, mayRead, requireScope } from "../api/auth.ts";
import { problem } from "../api/problem.ts";
import { answerStoreProblem } from "../stream/store_problem.ts";
import type { HoldState } from "./hold_state.ts";

const bodyBytesMax = 1024;
const bodySchema = z.strictObject({ hash: z.string().min(1) });

/**
 * Changes that remove suspiciously much:
 *
 * | route                                                | answer                                                  |
 * | ---------------------------------------------------- | ------------------------------------------------------- |
 * | `GET /v1/guards`                                     | `{guards: Hold[]}`                                      |
 * | `POST /v1/guards/{cluster}/{namespace}/confirm`      | 202; the body is `{"hash"}`, of exactly what was shown  |
 *
 * A confirmation of what is not held is a 404, of something else than what is held now a 409.
 */
export function guardRoutes(holds: HoldState): Hono {
  const app = new Hono();
  app.get("/v1/guards", requireScope({ action: "any" }), (context) => {
    const guards = holds.all().filter((hold) => mayRead(context, hold.clusterId, hold.namespace));
    return context.json({ guards });
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
  app.post("/v1/guards/:cluster/:namespace/confirm", scope, limit, async (context) => {
    const body = readBody(await context.req.text());
    if (body === null) return problem(context, 400, "Bad confirmation", `the body must be {"hash": "…"}`);
    const { name } = identityOf(context);
    return await answerStoreProblem(context, async () => {
      const answer = await holds.confirm(placeOf(context), body.hash, name);
      if (answer === "confirmed") return context.json({ confirmed: body.hash }, 202);
      return answer === "nothing-held"
        ? problem(context, 404, "Nothing held", "no change of this namespace waits for a confirmation")
        : problem(context, 409, "Something else is held", "look at GET /v1/guards again and confirm what it shows");
    });
  });
  return app;
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
