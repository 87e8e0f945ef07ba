import type { Family } from "../../core/exposition/exposition.ts";
import type { ExpositionFormat } from "../../core/exposition/parse.ts";
import { LineLexer } from "./lines.ts";

/** The lines of one family: they stand together, and tell all that there is to tell of it. */
export interface Segment {
  readonly family: Family;
  readonly start: number;
  /** Behind the last line; the next segment begins there. */
  readonly end: number;
  /** Where each value begins and ends, in turns; null when some line has more than a series and a value. */
  readonly values: readonly number[] | null;
}

interface OpenSegment {
  readonly family: Family;
  readonly start: number;
  end: number;
  values: number[] | null;
  /** Samples whose lines were met. */
  met: number;
}

/**
 * Tells which lines of a text belong to which of the families that the naive parser has found in it, all of them and
 * in order. Null when families are mixed, or when it cannot be told.
 *
 * Each line is held against the name of the sample, or of the family, that should come next. So when it succeeds,
 * parsing the lines of one segment alone gives that family, with the same samples in the same order.
 *
 * @param bytes The text is what is from `start` to `end`.
 */
export function segmentsOf(
  bytes: Uint8Array,
  start: number,
  end: number,
  families: readonly Family[],
  format: ExpositionFormat,
): Segment[] | null {
  const [first] = families;
  if (first === undefined) return null;
  const segments: OpenSegment[] = [{ family: first, start, end, values: [], met: 0 }];
  let open = segments[0] as OpenSegment;
  const lines = new LineLexer(bytes, start, end, format === "openmetrics");
  while (!lines.atEnd) {
    if (!lines.next()) return null;
    if (lines.kind === "other") continue;
    if (!belongs(bytes, lines, open)) {
      const next = families[segments.length];
      if (next === undefined || open.met < open.family.samples.length) return null;
      open.end = lines.start;
      segments.push(open = { family: next, start: lines.start, end, values: [], met: 0 });
      if (!belongs(bytes, lines, open)) return null;
    }
    if (lines.kind === "sample") takeSample(lines, open);
  }
  const isComplete = segments.length === families.length && open.met === open.family.samples.length;
  if (!isComplete) return null;
  // A text that goes on behind its end might go on with the last line.
  if (bytes[end - 1] !== 0x0a) open.values = null;
  return segments;
}

/** Whether the line is the next one of the family. */
function belongs(bytes: Uint8Array, lines: LineLexer, { family, met }: OpenSegment): boolean {
  if (lines.kind === "metadata") return isName(bytes, lines, family.family);
  const sample = family.samples[met];
  return sample !== undefined && isName(bytes, lines, sample.name);
}

function takeSample(lines: LineLexer, open: OpenSegment): void {
  const sample = open.family.samples[open.met++];
  const isPlain = lines.endsWithValue && sample?.timestampMs === null && sample.exemplar === undefined;
  if (isPlain) open.values?.push(lines.valueStart, lines.valueEnd);
  else open.values = null;
}

const encoder = new TextEncoder();

function isName(bytes: Uint8Array, { nameStart, nameEnd, isQuoted }: LineLexer, name: string): boolean {
  if (isQuoted) {
    const encoded = encoder.encode(name);
    return encoded.length === nameEnd - nameStart
      && encoded.every((byte, index) => bytes[nameStart + index] === byte);
  }
  if (name.length !== nameEnd - nameStart) return false;
  for (let index = 0; index < name.length; index++) {
    if (bytes[nameStart + index] !== name.charCodeAt(index)) return false;
  }
  return true;
}
