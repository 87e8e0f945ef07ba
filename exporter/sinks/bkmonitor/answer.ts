import { z } from "zod";
import { type Answer, oneLine, outcomeOf, type RequestOutcome } from "../http/answer.ts";

/** The platform has written its booleans and codes as strings and as themselves. */
const envelopeSchema = z.looseObject({
  code: z.union([z.string(), z.number()]).transform((code) => Number(code)).pipe(z.int()),
  result: z.union([z.boolean(), z.string()]).optional(),
  message: z.string().optional(),
});

/**
 * What became of a request: the `code` of the envelope `{"code":"200","result":"true","message":""}` counts, whatever
 * the HTTP status; of an answer without one, an HTTP status of success is none.
 *
 * | code            | outcome                                             |
 * | --------------- | --------------------------------------------------- |
 * | 200             | delivered, unless `result` is false: then a retry   |
 * | 401, 403        | retry in a minute, with an alarm: the token         |
 * | 429, 5xx        | retry, after `Retry-After` when there is one        |
 * | 400, other 4xx  | rejected                                            |
 * | anything else   | retry                                               |
 */
export function pushOutcome(answer: Answer, wallMs: number): RequestOutcome {
  const envelope = readEnvelope(answer.body);
  if (envelope === null) {
    const outcome = outcomeOf(answer, wallMs);
    if (outcome.outcome !== "delivered") return outcome;
    return { outcome: "retry", reason: `HTTP ${answer.status} without the platform's envelope` };
  }
  const { code, result, message = "" } = envelope;
  const reason = `code ${code}${message === "" ? "" : `: ${oneLine(message)}`}`;
  if (code === 200 && String(result ?? true) !== "false") return { outcome: "delivered" };
  if (code < 400 || code > 599) return { outcome: "retry", reason };
  return { ...outcomeOf({ ...answer, status: code }, wallMs), reason } as RequestOutcome;
}

function readEnvelope(body: Uint8Array): z.output<typeof envelopeSchema> | null {
  try {
    return envelopeSchema.safeParse(JSON.parse(new TextDecoder().decode(body))).data ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
