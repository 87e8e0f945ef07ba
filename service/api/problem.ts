import type { Context } from "hono";

/** What each status that the API refuses with means. */
export const problemStatuses = {
  400: "The request is wrong.",
  401: "There is no valid token.",
  403: "The token does not allow it.",
  404: "There is no such thing.",
  405: "It does not take this method.",
  409: "It contradicts what is there.",
  412: "It is not at the revision that was asked for.",
  413: "The body is too large.",
  415: "The body is in a form that is not read.",
  422: "It cannot be done as asked.",
  429: "There are too many requests.",
  500: "Something went wrong in the service.",
  502: "What was asked answered badly.",
  503: "The service cannot do it now.",
  504: "What was asked did not answer.",
} as const;

export type ProblemStatus = keyof typeof problemStatuses;

/**
 * An error of the API as RFC 9457 has it: `application/problem+json` with title, status and detail, and whatever
 * members `more` adds.
 */
export function problem(
  context: Context,
  status: ProblemStatus,
  title: string,
  detail: string,
  more: Readonly<Record<string, unknown>> = {},
): Response {
  return context.body(JSON.stringify({ type: "about:blank", title, status, detail, ...more }), status, {
    "content-type": "application/problem+json",
  });
}
