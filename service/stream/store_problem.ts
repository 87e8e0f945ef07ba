import type { Context } from "hono";
import { messageOf } from "../../core/errors.ts";
import { EntryTooLargeError, StorePathError, StoreUnavailableError } from "../../core/store/store.ts";
import { problem } from "../api/problem.ts";

/** Runs what uses the store; failures that are the request's or the store's become answers. */
export async function answerStoreProblem(context: Context, run: () => Promise<Response>): Promise<Response> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof StorePathError) return problem(context, 400, "Bad name", messageOf(error));
    if (error instanceof EntryTooLargeError) return problem(context, 413, "Too large", messageOf(error));
    if (error instanceof StoreUnavailableError) return problem(context, 503, "Store unavailable", messageOf(error));
    throw error;
  }
}
