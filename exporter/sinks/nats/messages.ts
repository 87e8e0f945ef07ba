import type { Batch, OpaqueRecord, ResolvedScrape } from "../../sink.ts";
import { encodedLines, type JsonLines } from "../json_lines.ts";
import { subjectOf } from "./subject.ts";

export interface Message {
  readonly subject: string;
  /** JSON lines, whole ones. */
  readonly payload: Uint8Array;
}

export interface MessageOptions {
  readonly subject: string;
  readonly opaqueSubject: string;
  /** Bytes of a message; a single line that is longer makes one alone. */
  readonly bytesMax: number;
}

/**
 * The messages of a batch in lanes. A scrape is one message, or several when it is too large. Those of one lane belong
 * to one target, and have to arrive in order; lanes need no order among each other.
 */
export function messageLanes(batch: Batch, lines: JsonLines, options: MessageOptions): Iterable<Message>[] {
  const targets = new Map<string, ResolvedScrape[]>();
  for (const scrape of batch.scrapes) {
    const lane = targets.get(scrape.target.id);
    if (lane === undefined) targets.set(scrape.target.id, [scrape]);
    else lane.push(scrape);
  }
  const dataIds = new Map<number, OpaqueRecord[]>();
  for (const record of batch.opaque) {
    const lane = dataIds.get(record.dataId);
    if (lane === undefined) dataIds.set(record.dataId, [record]);
    else lane.push(record);
  }
  return [
    ...Array.from(targets.values(), (scrapes) => scrapeMessages(scrapes, lines, options)),
    ...Array.from(dataIds, ([dataId, records]) => opaqueMessages(dataId, records, lines, options)),
  ];
}

function* scrapeMessages(
  scrapes: readonly ResolvedScrape[],
  lines: JsonLines,
  { subject: template, bytesMax }: MessageOptions,
): Generator<Message> {
  for (const scrape of scrapes) {
    const labels = new Map(scrape.target.labels.map(({ name, value }) => [name, value]));
    const subject = subjectOf(template, labels);
    const only: Batch = { scrapes: [scrape], opaque: [], sampleCount: scrape.values.length };
    for (const piece of encodedLines(lines, only)) {
      for (const payload of splitLines(piece, bytesMax)) yield { subject, payload };
    }
  }
}

function* opaqueMessages(
  dataId: number,
  records: readonly OpaqueRecord[],
  lines: JsonLines,
  { opaqueSubject }: MessageOptions,
): Generator<Message> {
  const subject = subjectOf(opaqueSubject, new Map([["dataId", String(dataId)]]));
  for (const record of records) {
    for (const payload of encodedLines(lines, { scrapes: [], opaque: [record], sampleCount: 0 })) {
      yield { subject, payload };
    }
  }
}

const newline = 0x0a;

/** Cuts at line ends into pieces of at most `bytesMax` bytes; a line that is longer is a piece of its own. */
export function* splitLines(bytes: Uint8Array, bytesMax: number): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + bytesMax, bytes.length);
    if (end < bytes.length) {
      const last = bytes.subarray(start, end).lastIndexOf(newline);
      end = last >= 0 ? start + last + 1 : bytes.indexOf(newline, end) + 1;
    }
    yield bytes.subarray(start, end);
    start = end;
  }
}
