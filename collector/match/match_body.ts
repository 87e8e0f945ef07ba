import { type Expectation, headOf } from "./expectation.ts";
import type { Matching } from "./matching.ts";

/** A part of a body: a family as it was expected, or bytes that have to be parsed. */
export type Piece = MatchedPiece | Span;

export interface MatchedPiece {
  /** Of the family that is expected. */
  readonly index: number;
  /** Where its bytes begin, from the body's start. */
  readonly start: number;
}

/** From `start` to `end`, from the body's start. */
export interface Span {
  readonly index: null;
  readonly start: number;
  readonly end: number;
}

/** The pieces of a body, which make it up whole and in order. */
export interface MatchedBody {
  /** Null when the body is what was expected, from the first family to the last. */
  readonly pieces: readonly Piece[] | null;
  /** Where the values of the matched families are: those of each at the index that its expectation tells. */
  readonly values: Float64Array<ArrayBuffer>;
}

/**
 * Holds a body against what is expected of it. Where they differ, it looks for the beginning of a later family that is
 * expected, and what is before that is to be parsed. No bytes are skipped: whatever it finds, the pieces are the body.
 *
 * @returns null when there is no room for it.
 */
export function matchBody(matching: Matching, expectation: Expectation, body: Uint8Array): MatchedBody | null {
  const placed = placeBody(matching, expectation, body);
  if (placed === null) return null;
  const { base, end, values } = placed;
  const { families } = expectation;
  // Nothing is made for a family while all goes well.
  const starts = new Uint32Array(families.length);
  let index = 0;
  let at = base;
  for (; index < families.length; index++) {
    const next = placed.match(index, at);
    if (next === -1) break;
    starts[index] = at - base;
    at = next;
  }
  if (index === families.length && at === end) return { pieces: null, values };
  const pieces: Piece[] = Array.from(starts.subarray(0, index), (start, number) => ({ index: number, start }));
  while (at < end) {
    const start = at - base;
    const found = nextExpected(expectation, index, body, start);
    addSpan(pieces, start, found.start);
    at = base + found.start;
    for (index = found.index; index < families.length; index++) {
      const next = placed.match(index, at);
      if (next === -1) break;
      pieces.push({ index, start: at - base });
      at = next;
    }
  }
  return { pieces, values };
}

/** The values of a body that is what is expected, from the first family to the last; null for any other. */
export function matchWhole(
  matching: Matching,
  expectation: Expectation,
  body: Uint8Array,
): Float64Array<ArrayBuffer> | null {
  const placed = placeBody(matching, expectation, body);
  if (placed === null) return null;
  let at = placed.base;
  for (let index = 0; index < expectation.families.length; index++) {
    at = placed.match(index, at);
    if (at === -1) return null;
  }
  return at === placed.end ? placed.values : null;
}

/** A body, and room for its values, in the kernel's memory; null when there is no room. */
function placeBody(matching: Matching, { families, firstValues, valueCount }: Expectation, body: Uint8Array) {
  const base = matching.place(body);
  const valuesAt = matching.placeValues(valueCount);
  if (base === null || valuesAt === null) return null;
  const end = base + body.length;
  /** Where the family that begins at `at` ends; -1 when it is not there. */
  const match = (index: number, at: number): number => {
    const template = families[index]?.template ?? null;
    if (template === null) return -1;
    return matching.matchFamily(template, at, end, valuesAt + 8 * (firstValues[index] as number));
  };
  return { base, end, values: matching.valuesAt(valuesAt, valueCount), match };
}

/**
 * The first line from `start` on with which family number `index`, which is not at `start`, or a later one begins; the
 * body's end for none.
 */
function nextExpected(expectation: Expectation, index: number, body: Uint8Array, start: number) {
  let line = start;
  while (line < body.length) {
    const newline = body.indexOf(0x0a, line);
    const end = newline === -1 ? body.length : newline + 1;
    const first = line === start ? index + 1 : index;
    const found = expectation.familyOfHead(headOf(body.subarray(line, end)), first);
    if (found !== -1) return { start: line, index: found };
    line = end;
  }
  return { start: body.length, index: expectation.families.length };
}

/** Adjoining spans are one, since what is between them may belong together. */
function addSpan(pieces: Piece[], start: number, end: number): void {
  const last = pieces.at(-1);
  if (start === end) return;
  if (last?.index === null) pieces[pieces.length - 1] = { index: null, start: last.start, end };
  else pieces.push({ index: null, start, end });
}
