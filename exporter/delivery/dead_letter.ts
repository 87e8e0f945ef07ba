/**
 * The line of a dead letter: everything of one entry, so that it can be read and be sent again.
 *
 *   {"rejectedMs":1700000000000,"reason":"HTTP 400: …","timestampMs":1699999999000,"dataId":0,
 *    "labels":{"job":"shop"},"families":[{"family":"up","type":"gauge","help":"","unit":"",
 *    "samples":[["up",{"code":"200"},1],["up",{},"NaN",1699999998000]]}],
 *    "origin":{"cluster":"c","namespace":"shop","name":"bcs-collector-shop-0","epoch":"17","sequence":40}}
 *   {"rejectedMs":…,"reason":"…","timestampMs":…,"dataId":7,"frameType":1,"record":"eyJkYXRh…","origin":null}
 *
 * A sample is name, labels, value and, where it has one, its own time. `labels` beside `families` are the target's.
 * A value is a number, "NaN", "+Inf", "-Inf", "-0", or "stale" for the staleness marker. `record` is base64.
 */

import { z } from "zod";
import { encodeBlock, encodeLayout, encodeTarget, type Label } from "../../core/protocol/shape.ts";
import type { Batch, ResolvedScrape, Sourced } from "../sink.ts";
import { batchOf } from "./batch.ts";

const stalenessBits = 0x7ff0_0000_0000_0002n;

const labels = z.record(z.string(), z.string());
const value = z.union([z.number(), z.enum(["NaN", "+Inf", "-Inf", "-0", "stale"])]);
const sample = z.union([
  z.tuple([z.string(), labels, value]),
  z.tuple([z.string(), labels, value, z.number()]),
]);
const head = {
  rejectedMs: z.number(),
  reason: z.string(),
  timestampMs: z.number(),
  dataId: z.number(),
  origin: z.object({
    cluster: z.string(),
    namespace: z.string(),
    name: z.string(),
    epoch: z.string().regex(/^\d{1,20}$/),
    sequence: z.number(),
  }).nullable(),
};
const scrapeSchema = z.object({
  ...head,
  labels,
  families: z.array(z.object({
    family: z.string(),
    type: z.string(),
    help: z.string(),
    unit: z.string(),
    samples: z.array(sample),
  })),
});
const opaqueSchema = z.object({ ...head, frameType: z.number(), record: z.base64() });
export const deadLetterSchema = z.union([scrapeSchema, opaqueSchema]);
export type DeadLetter = z.output<typeof deadLetterSchema>;

type ScrapeLetter = z.output<typeof scrapeSchema>;
type Value = z.output<typeof value>;

/** The letters of a batch, scrapes first. */
export function* lettersOf(batch: Batch, reason: string, rejectedMs: number): Generator<DeadLetter> {
  for (const scrape of batch.scrapes) {
    const { target, timestampMs } = scrape;
    const common = { rejectedMs, reason, timestampMs, dataId: target.dataId, origin: originOf(scrape) };
    yield { ...common, labels: named(target.labels), families: familiesOf(scrape) };
  }
  for (const opaque of batch.opaque) {
    const { timestampMs, dataId, frameType } = opaque;
    const record = Buffer.from(opaque.record).toString("base64");
    yield { rejectedMs, reason, timestampMs, dataId, origin: originOf(opaque), frameType, record };
  }
}

/** The batch that a letter was made of, ready to be delivered again. */
export function batchOfLetter(letter: DeadLetter): Batch {
  const { origin, timestampMs, dataId } = letter;
  const source: Sourced = origin === null ? {} : {
    origin: { cluster: origin.cluster, namespace: origin.namespace, name: origin.name, epoch: BigInt(origin.epoch) },
    sequence: origin.sequence,
  };
  if (!("families" in letter)) {
    const record = new Uint8Array(Buffer.from(letter.record, "base64"));
    return batchOf([], [{ ...source, frameType: letter.frameType, dataId, timestampMs, record }]);
  }
  return batchOf([{ ...source, ...scrapeOf(letter) }], []);
}

function scrapeOf(letter: ScrapeLetter): ResolvedScrape {
  const blocks = letter.families.map((family) =>
    encodeBlock(family, family.samples.map(([name, own]) => ({ name, labels: listed(own) }))).shape
  );
  const samples = letter.families.flatMap((family) => family.samples);
  const values = new Float64Array(samples.length);
  const bits = new BigUint64Array(values.buffer);
  for (const [index, [, , text]] of samples.entries()) {
    if (text === "stale") bits[index] = stalenessBits;
    else values[index] = numberOf(text);
  }
  const times = Float64Array.from(samples, (one) => one[3] ?? NaN);
  return {
    target: encodeTarget(letter.dataId, listed(letter.labels)).shape,
    layout: encodeLayout(blocks.map(({ id }) => id)).shape,
    blocks,
    timestampMs: letter.timestampMs,
    values,
    sampleTimesMs: times.every(Number.isNaN) ? null : times,
  };
}

function familiesOf({ blocks, values, sampleTimesMs }: ResolvedScrape): ScrapeLetter["families"] {
  const bits = new BigUint64Array(values.buffer, values.byteOffset, values.length);
  let index = 0;
  return blocks.map(({ family, type, help, unit, series }) => {
    const samples = series.map(({ name, labels: own }): ScrapeLetter["families"][number]["samples"][number] => {
      const shown = bits[index] === stalenessBits ? "stale" : valueOf(values[index] ?? NaN);
      const timeMs = sampleTimesMs?.[index] ?? NaN;
      index++;
      return Number.isNaN(timeMs) ? [name, named(own), shown] : [name, named(own), shown, timeMs];
    });
    return { family, type, help, unit, samples };
  });
}

function valueOf(number: number): Value {
  if (Number.isFinite(number)) return Object.is(number, -0) ? "-0" : number;
  return Number.isNaN(number) ? "NaN" : number > 0 ? "+Inf" : "-Inf";
}

function numberOf(text: Exclude<Value, "stale">): number {
  if (text === "+Inf" || text === "-Inf") return text === "+Inf" ? Infinity : -Infinity;
  return Number(text);
}

function originOf({ origin, sequence }: Sourced): DeadLetter["origin"] {
  if (origin === undefined || origin === null) return null;
  const { cluster, namespace, name, epoch } = origin;
  return { cluster, namespace, name, epoch: String(epoch), sequence: sequence ?? 0 };
}

/** An object without a prototype's members, so that a label may have any name. */
function named(list: readonly Label[]): Record<string, string> {
  return Object.fromEntries(list.map((label) => [label.name, label.value]));
}

function listed(object: Readonly<Record<string, string>>): Label[] {
  return Object.entries(object).map(([name, text]) => ({ name, value: text }));
}
