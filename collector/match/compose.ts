import { escapeExposition, type EscapingScheme } from "../../core/exposition/escape_names.ts";
import type { Family } from "../../core/exposition/exposition.ts";
import { type ExpositionFormat, parseExposition } from "../../core/exposition/parse.ts";
import type { FamilyPart } from "../scrape/known.ts";
import { type Expectation, type ExpectedFamily, type ExposedNames, exposedNames } from "./expectation.ts";
import type { MatchedBody, MatchedPiece, Piece, Span } from "./match_body.ts";

/** A family of a body that was read in pieces. */
export type ComposedFamily =
  | { readonly expected: ExpectedFamily; readonly values: Float64Array<ArrayBuffer> }
  | { readonly expected: null; readonly parsed: ParsedFamily };

export interface ParsedFamily {
  readonly exposed: ExposedNames;
  /** With its names escaped. */
  readonly family: Family;
  /** With its names as they are exposed. */
  readonly raw: Family;
  /** The part of the body that it comes from, and perhaps others too. */
  readonly span: ParsedSpan;
}

export interface ParsedSpan {
  readonly start: number;
  readonly end: number;
  /** All families in it, with their names as they are exposed. */
  readonly families: readonly Family[];
}

const endOfOpenMetrics = new TextEncoder().encode("# EOF\n");

/**
 * Makes the families of a whole body of its pieces, parsing what was not expected. Null when that might not be what
 * the naive parser makes of the whole: when a family stands in two pieces, or metadata of one claims samples of
 * another. Then, as after an ExpositionError, the body has to be parsed whole.
 */
export function compose(
  expectation: Expectation,
  { pieces, values }: MatchedBody & { readonly pieces: readonly Piece[] },
  body: Uint8Array,
  escaping: EscapingScheme,
): ComposedFamily[] | null {
  const { format, families, firstValues } = expectation;
  if (format === "openmetrics" && !endsWithEof(pieces, families.length)) return null;
  const composed: ComposedFamily[] = [];
  let before: MatchedPiece | null = null;
  for (const [number, piece] of pieces.entries()) {
    if (piece.index !== null) {
      const expected = families[piece.index] as ExpectedFamily;
      const first = firstValues[piece.index] as number;
      const count = expected.template?.valueCount ?? 0;
      composed.push({ expected, values: values.subarray(first, first + count) });
      before = piece;
      continue;
    }
    const isLast = number === pieces.length - 1;
    let span = parseSpan(body, piece, format, isLast);
    if (before !== null && span.families[0]?.family === composed.at(-1)?.expected?.exposed.family) {
      // The family before goes on here: it has a series more at its end.
      composed.pop();
      span = parseSpan(body, { ...piece, start: before.start }, format, isLast);
    }
    composed.push(...familiesOf(span, escaping));
    before = null;
  }
  return areApart(composed.map(namesOf)) ? composed : null;
}

/** For the encoder. */
export function partOf(composed: ComposedFamily): FamilyPart {
  return composed.expected === null
    ? { known: null, family: composed.parsed.family }
    : { known: composed.expected.known, values: composed.values };
}

/** Only the last family of what was expected has the end of the exposition with it. */
function endsWithEof(pieces: readonly Piece[], familyCount: number): boolean {
  return pieces.every(({ index }, number) =>
    index === null || (index === familyCount - 1) === (number === pieces.length - 1)
  )
    && pieces.length > 0;
}

function parseSpan(body: Uint8Array, { start, end }: Span, format: ExpositionFormat, isLast: boolean): ParsedSpan {
  let text = body.subarray(start, end);
  if (format === "openmetrics" && !isLast) text = Buffer.concat([text, endOfOpenMetrics]);
  return { start, end, families: parseExposition(text, format, false).families };
}

function familiesOf(span: ParsedSpan, escaping: EscapingScheme): ComposedFamily[] {
  const escaped = escapeExposition(span, escaping).families;
  return span.families.map((raw, index): ComposedFamily => {
    const parsed = { exposed: exposedNames(raw), family: escaped[index] as Family, raw, span };
    return { expected: null, parsed };
  });
}

function namesOf(composed: ComposedFamily): ExposedNames {
  return composed.expected === null ? composed.parsed.exposed : composed.expected.exposed;
}

/**
 * Whether each family is the same with all others around it: no two have the same name, and every sample still belongs
 * to its own. A sample belongs to the family of its name if that has metadata, else to one whose name it has with a
 * suffix, such as `_total`.
 */
function areApart(all: readonly ExposedNames[]): boolean {
  const names = new Set(all.map(({ family }) => family));
  if (names.size < all.length) return false;
  return all.every(({ family, hasMetadata, samples }) =>
    samples.every((sample) => {
      if (sample !== family) return !names.has(sample);
      const cut = sample.lastIndexOf("_");
      return hasMetadata || cut === -1 || !names.has(sample.slice(0, cut));
    })
  );
}
