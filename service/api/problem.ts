import type { Context } from "hono";

/** An error of the API as RFC 9457 has it: `application/problem+json` with title, status and detail. */
export function problem(context: Context, status: 400 | 404 | 500 | 503, title: string, detail: string): Response {
  return context.body(JSON.stringify({ type: "about:blank", title, status, detail }), status, {
    "content-type": "application/problem+json",
  });
}
