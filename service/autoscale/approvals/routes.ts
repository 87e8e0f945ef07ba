import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";
import { parseJson } from "../../../core/json.ts";
import { identityOf, mayRead, requireScope } from "../../api/auth.ts";
import { problem } from "../../api/problem.ts";
import { onlyParameters } from "../../api/query.ts";
import { answerView } from "../../api/view_list.ts";
import { approvalView, autoscaleView } from "../../api/views.ts";
import { answerStoreProblem } from "../../stream/store_problem.ts";
import type { AutoscaleRow } from "../autoscale_row.ts";
import type { Approval } from "./approval.ts";
import { approvalRow, shownApproval } from "./approval_row.ts";
import type { Approvals } from "./approvals.ts";
import { Decider } from "./decider.ts";
import { linkRoutes, originOf } from "./link_routes.ts";
import { type LinkAction, linkActions, type Links } from "./links.ts";

const bodyBytesMax = 1024;
const bodySchema = z.strictObject({ hash: z.string().min(1) });
/** What the command line says that it is. */
export const cliAgent = "bcs-metric-cli";

export interface ApprovalRouteDeps {
  readonly approvals: Approvals;
  readonly links: Links;
  readonly clock: { wallMs(): number };
  autoscale(): readonly AutoscaleRow[];
}

/**
 * Plans for other numbers of collectors:
 *
 * | route                                    | answer                                                              |
 * | ---------------------------------------- | ------------------------------------------------------------------- |
 * | `GET /v1/autoscale`                      | `{autoscale: AutoscaleRow[], continue?}`: what the leader last found |
 * | `GET /v1/approvals`                      | `{approvals: ApprovalRow[], continue?}`                              |
 * | `GET /v1/approvals/{id}`                 | the plan with its moves, trail and notices                          |
 * | `POST /v1/approvals/{id}/approve\|reject` | 202; the body is `{"hash"}`, of exactly what was shown              |
 *
 * Deciding takes an admin. A word about a plan that is not there is a 404, about one that is decided, has expired or
 * has another hash a 409. The pages of links are in `link_routes.ts`.
 */
export function approvalRoutes(deps: ApprovalRouteDeps): Hono {
  const { approvals, links, clock } = deps;
  const app = new Hono();
  const decider = new Decider(approvals, clock);
  const any = requireScope({ action: "any" });
  app.get("/v1/autoscale", any, (context) => {
    const rows = deps.autoscale().filter((row) => mayRead(context, row.cluster, row.namespace));
    return answerView(context, autoscaleView, rows);
  });
  app.get("/v1/approvals", any, (context) => {
    const rows = approvals.all().filter((one) => mayRead(context, one.clusterId, one.namespace)).map(approvalRow);
    return answerView(context, approvalView, rows);
  });
  app.get("/v1/approvals/:id", any, onlyParameters(), (context) => {
    const approval = readable(context, approvals);
    return approval === null ? notThere(context) : context.json(shownApproval(approval));
  });
  const limit = bodyLimit({
    maxSize: bodyBytesMax,
    onError: (context) => problem(context, 413, "Body too large", `the limit is ${bodyBytesMax} bytes`),
  });
  const admin = requireScope({ action: "admin" });
  for (const action of linkActions) {
    app.post(`/v1/approvals/:id/${action}`, admin, limit, (context) => decide(context, action, decider));
  }
  app.route("/", linkRoutes(decider, links));
  return app;
}

async function decide(context: Context, action: LinkAction, decider: Decider): Promise<Response> {
  const body = bodySchema.safeParse(parseJson(await context.req.text()));
  if (!body.success) return problem(context, 400, "Bad decision", `the body must be {"hash": "…"}`);
  const id = context.req.param("id") ?? "";
  if (decider.find(id) === null) return notThere(context);
  const isCli = (context.req.header("user-agent") ?? "").startsWith(cliAgent);
  const who = { by: identityOf(context).name, how: isCli ? "cli" : "api", from: originOf(context) } as const;
  return await answerStoreProblem(context, async () => {
    const outcome = await decider.decide(id, action, body.data.hash, who);
    if (!outcome.ok) return problem(context, 409, "Cannot be decided", `plan ${id}: ${outcome.reason}`);
    return context.json({ id, state: outcome.approval.state }, 202);
  });
}

/** Null when there is none, or it is none of whoever asks. */
function readable(context: Context, approvals: Approvals): Approval | null {
  const approval = approvals.find(context.req.param("id") ?? "");
  return approval !== null && mayRead(context, approval.clusterId, approval.namespace) ? approval : null;
}

function notThere(context: Context): Response {
  return problem(context, 404, "Not found", `there is no plan "${context.req.param("id")}"; see GET /v1/approvals`);
}
