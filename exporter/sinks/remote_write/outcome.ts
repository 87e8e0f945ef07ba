import type { Rejected } from "../../sink.ts";
import { type Answer, describeAnswer, outcomeOf, type RequestOutcome } from "../http/mod.ts";

/** What became of one write request. */
export type WriteOutcome =
  | Exclude<RequestOutcome, { readonly outcome: "delivered" }>
  | { readonly outcome: "delivered"; readonly samples: number; readonly rejectedReason?: string }
  /** The destination does not know this version of the protocol. */
  | { readonly outcome: "unsupported"; readonly reason: string };

/**
 * Words by which receivers refuse a sample that they have already, or that is older than what they have of its series:
 * Prometheus, Mimir, Thanos, VictoriaMetrics.
 */
const oldWords = /out[ -]of[ -](order|bounds)|duplicate sample|too old|too far (behind|in the past)/i;

/** Remote write 1.0: all of a request or nothing is delivered, as far as the answer tells. */
export function outcomeOf1(answer: Answer, samples: number, wallMs: number): WriteOutcome {
  const outcome = outcomeOf(answer, wallMs);
  if (outcome.outcome === "delivered") return { outcome: "delivered", samples };
  return outcome.outcome === "rejected" ? rejection(outcome) : outcome;
}

/**
 * Remote write 2.0, where the answer tells how many samples were written:
 *
 * | answer                                     | outcome                                                      |
 * | ------------------------------------------ | ------------------------------------------------------------ |
 * | 415                                        | unsupported                                                  |
 * | 2xx without any `…-Written` header         | unsupported: a receiver of 1.0 has read an empty request     |
 * | 2xx, or 4xx with some samples written      | delivered, as many as it says; the others are refused        |
 * | else                                       | as in 1.0                                                    |
 *
 * A request that was written in part is not cut in halves: what is written would be refused as a duplicate then.
 */
export function outcomeOf2(answer: Answer, samples: number, wallMs: number): WriteOutcome {
  const { status } = answer;
  const isSuccess = status >= 200 && status < 300;
  if (status === 415) return { outcome: "unsupported", reason: describeAnswer(answer) };
  const written = writtenSamples(answer);
  if (isSuccess && written === null) {
    return {
      outcome: "unsupported",
      reason: `${describeAnswer(answer)}, without telling how many samples were written`,
    };
  }
  const isPartial = written !== null && written > 0 && status >= 400 && status < 500 && status !== 429;
  if (!isSuccess && !isPartial) return outcomeOf1(answer, samples, wallMs);
  const taken = Math.min(samples, written ?? 0);
  if (taken === samples) return { outcome: "delivered", samples };
  return { outcome: "delivered", samples: taken, rejectedReason: classed(describeAnswer(answer)) };
}

/** Null when the answer has none of the headers; one that has others only has written no sample. */
function writtenSamples({ headers }: Answer): number | null {
  const prefix = "x-prometheus-remote-write-";
  const samples = headers[`${prefix}samples-written`];
  if (samples !== undefined && /^\d+$/.test(samples)) return Number(samples);
  const others = headers[`${prefix}histograms-written`] ?? headers[`${prefix}exemplars-written`];
  return others === undefined ? null : 0;
}

function rejection({ reason }: Rejected): Rejected {
  const text = classed(reason);
  return text === reason ? { outcome: "rejected", reason } : { outcome: "rejected", reason: text, kind: "old" };
}

function classed(reason: string): string {
  return oldWords.test(reason) ? `already there or too old: ${reason}` : reason;
}
