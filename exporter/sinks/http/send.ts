import type { Clock } from "../../../core/runtime/env.ts";
import type { Retry } from "../../sink.ts";
import type { Answer } from "./answer.ts";
import { type HttpClient, type HttpRequest, RequestFailedError } from "./client.ts";

/**
 * Sends one request and tells what became of it, as a sink has to: what `classify` makes of the answer (see
 * answer.ts for the usual meaning); a request without an answer, or one that was aborted, is a retry.
 */
export async function send<T>(
  client: HttpClient,
  request: HttpRequest,
  signal: AbortSignal,
  clock: Pick<Clock, "wallMs">,
  classify: (answer: Answer, wallMs: number) => T,
): Promise<T | Retry> {
  try {
    return classify(await client.post(request, signal), clock.wallMs());
  } catch (error) {
    if (!(error instanceof RequestFailedError)) throw error;
    if (signal.aborted) return { outcome: "retry", reason: "stopped" };
    return error.alarm
      ? { outcome: "retry", reason: error.message, alarm: true }
      : { outcome: "retry", reason: error.message };
  }
}
