import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { messageOf } from "../../../core/errors.ts";
import { StoreUnavailableError } from "../../../core/store/store.ts";
import type { Approval } from "./approval.ts";
import type { Decider } from "./decider.ts";
import { confirmationPage, linkPageHeaders, nameLengthMax, wordPage } from "./link_page.ts";
import { type LinkAction, linkActions, linkPrefix, type Links } from "./links.ts";
import { outcomeOf } from "./transitions.ts";

const bodyBytesMax = 4096;

type Status = 200 | 403 | 409 | 410 | 413 | 503;

/**
 * The pages of links (`links.ts`), for people without a token:
 *
 * | route                             | answer                                                                     |
 * | --------------------------------- | -------------------------------------------------------------------------- |
 * | `GET /approvals/{id}/{action}`    | asks whether it is meant; changes nothing                                  |
 * | `POST /approvals/{id}/{action}`   | decides; the form may have `name`                                          |
 *
 * 403 for a link that is not ours, or is none of this plan; 409 for a plan that is decided already or void; 410 for one
 * that has expired.
 */
export function linkRoutes(decider: Decider, links: Links): Hono {
  const app = new Hono();
  const answer = (context: Context, status: Status, html: string) => context.html(html, status, linkPageHeaders);
  const limit = bodyLimit({
    maxSize: bodyBytesMax,
    onError: (context) => answer(context, 413, wordPage("Too large", "The form holds more than it takes.")),
  });
  const checked =
    (act: (context: Context, action: LinkAction, approval: Approval) => Promise<Response> | Response) =>
    (context: Context) => {
      if (!links.ready) {
        return answer(context, 503, wordPage("Not now", "The service cannot check links yet. Try again."));
      }
      const action = linkActions.find((one) => one === context.req.param("action"));
      const approval = decider.find(context.req.param("id") ?? "");
      const { expires = "", signature = "" } = context.req.query();
      // Whether there is such a plan is nothing that a wrong link is told.
      if (action === undefined || approval === null || !links.isGood(action, approval, expires, signature)) {
        return answer(context, 403, wordPage("This link is not valid", "It was changed, or is none of this service."));
      }
      if (approval.state !== "proposed") {
        const status = approval.state === "expired" ? 410 : 409;
        return answer(context, status, wordPage("This plan is decided already", sentence(outcomeOf(approval))));
      }
      if (decider.isExpired(approval)) {
        return answer(
          context,
          410,
          wordPage("This plan has expired", "If there still is a reason, a new one is made."),
        );
      }
      return act(context, action, approval);
    };
  app.get(
    `${linkPrefix}:id/:action`,
    checked((context, action, approval) => answer(context, 200, confirmationPage(action, approval))),
  );
  app.post(
    `${linkPrefix}:id/:action`,
    limit,
    checked(async (context, action, approval) => {
      const name = (new URLSearchParams(await context.req.text()).get("name") ?? "").trim().slice(0, nameLengthMax);
      const by = name === "" ? "somebody with the link" : `"${name}", with the link`;
      try {
        const outcome = await decider.decide(approval.id, action, approval.hash, {
          by,
          how: "link",
          from: originOf(context),
        });
        if (outcome.ok) return answer(context, 200, wordPage(doneTitle(action), "You can close this page."));
        return answer(context, 409, wordPage("This plan is decided already", sentence(outcome.reason)));
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        return answer(
          context,
          503,
          wordPage("Not now", `The decision could not be kept: ${messageOf(error)}. Try again.`),
        );
      }
    }),
  );
  return app;
}

/** From where a request came, as it tells itself: for the trail, and nothing is decided by it. */
export function originOf(context: Context): string {
  const forwarded = context.req.header("x-forwarded-for") ?? "";
  const agent = context.req.header("user-agent") ?? "";
  return [forwarded, agent].filter((text) => text !== "").join(" ").slice(0, 200);
}

function doneTitle(action: LinkAction): string {
  return action === "approve" ? "Approved" : "Rejected";
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}
