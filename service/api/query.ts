import type { Context, MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

/**
 * Refuses (400) a parameter that the route does not have: one that is misspelt would otherwise select everything, or
 * change what it was to spare.
 */
export function onlyParameters(...known: readonly string[]): MiddlewareHandler {
  return async (context, next) => {
    const wrong = unknownParameter(context, known);
    return wrong === null ? await next() : problem(context, 400, "Bad request", wrong);
  };
}

function unknownParameter(context: Context, known: readonly string[]): string | null {
  const [unknown] = Object.keys(context.req.query()).filter((name) => !known.includes(name));
  if (unknown === undefined) return null;
  const there = known.length === 0 ? "this request takes none" : `there are ${known.join(", ")}`;
  return `unknown parameter "${unknown}"; ${there}`;
}
