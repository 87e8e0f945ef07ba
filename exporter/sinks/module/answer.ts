import { z } from "zod";
import type { Batch, DeliveryOutcome } from "../../sink.ts";

const count = z.int().min(0);
const answerSchema = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.literal("delivered"),
    samples: count.optional(),
    records: count.optional(),
    notCarriedRecords: count.optional(),
    notCarriedSamples: count.optional(),
    rejectedSamples: count.optional(),
    rejectedReason: z.string().optional(),
  }),
  z.object({
    outcome: z.literal("retry"),
    reason: z.string(),
    afterMs: z.number().min(0).optional(),
    alarm: z.boolean().optional(),
  }),
  z.object({ outcome: z.literal("rejected"), reason: z.string() }),
]);

/**
 * What somebody's own `deliver` answered: nothing at all means that everything was delivered, and counts that are left
 * out are those of the batch. An answer that is none, or whose records do not add up, is a retry.
 */
export function readAnswer(answer: unknown, batch: Batch): DeliveryOutcome {
  const parsed = answerSchema.safeParse(answer ?? { outcome: "delivered" });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const what = issue === undefined ? "" : `: ${[...issue.path, issue.message].join(": ")}`;
    return { outcome: "retry", reason: `deliver of the module answered nonsense${what}` };
  }
  const read = withoutUndefined(parsed.data);
  if (read.outcome !== "delivered") return read;
  const total = batch.scrapes.length + batch.opaque.length;
  const { notCarriedRecords = 0, notCarriedSamples = 0, rejectedSamples = 0 } = read;
  const records = read.records ?? total - notCarriedRecords;
  const samples = read.samples ?? Math.max(0, batch.sampleCount - notCarriedSamples - rejectedSamples);
  if (records + notCarriedRecords === total) return { ...read, records, samples };
  const sum = `${records} records delivered and ${notCarriedRecords} not carried, of ${total}`;
  return { outcome: "retry", reason: `deliver of the module answered nonsense: ${sum}` };
}

type Present<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

function withoutUndefined<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Present<T>;
}
