import type { Label } from "../protocol/shape.ts";
import { byteOf, Cursor } from "./cursor.ts";
import type { Exposition } from "./exposition.ts";
import { FamilyCollector, type MetadataKind, unknownType } from "./families.ts";
import { type LabelSyntax, readLabels } from "./labels.ts";
import { isDigit, type QuotedSyntax, readMetricName, readQuoted, readToken, resolveHelpEscapes } from "./lex.ts";
import { parseInt64, readNumber } from "./number.ts";
import { StrictCheck } from "./strict.ts";
import { prometheusRules } from "./strict_prometheus.ts";

/** The types of the format, with the names that {@link Exposition} gives them. */
const types: ReadonlyMap<string, string> = new Map([
  ["counter", "counter"],
  ["gauge", "gauge"],
  ["histogram", "histogram"],
  ["summary", "summary"],
  ["untyped", unknownType],
]);

const lenientName: QuotedSyntax = { rawNewline: true, nul: false, unknownEscape: true };
const strictName: QuotedSyntax = { rawNewline: false, nul: false, unknownEscape: false };

const lenientLabels: LabelSyntax = {
  blanks: true,
  comma: "optional",
  trailingComma: true,
  metricName: "anywhere",
  checkedNames: true,
  quotedName: lenientName,
  value: { rawNewline: true, nul: true, unknownEscape: true },
};

const strictLabels: LabelSyntax = {
  ...lenientLabels,
  comma: "required",
  metricName: "first",
  quotedName: strictName,
  value: { rawNewline: false, nul: true, unknownEscape: false },
};

const valueStops = [byteOf.space, byteOf.tab, byteOf.newline, byteOf.braceOpen];
const typeStops = [byteOf.space, byteOf.tab, byteOf.newline];

/**
 * Reads the Prometheus text format, versions 0.0.4 and 1.0.0 (quoted UTF-8 names).
 *
 * Without `strict` it takes what the parser of Prometheus 3 takes, peculiarities included: no comma between labels,
 * a line feed within quotes, an unknown escape kept as it stands, a last line without a line feed, a value right
 * behind the name (`up+1`). A carriage return is no blank. A series that occurs twice is kept twice, since Prometheus
 * drops the second only when it stores it. It differs from Prometheus where that loses data or contradicts the format:
 * - blanks around the type of a TYPE line and before a help text are skipped, and timestamps may be negative, as the
 *   format says;
 * - blanks before a metric name are skipped, and do not become part of it;
 * - a HELP line whose name goes on with other characters (`# HELP some.name …`) is a comment, not the help of `some`;
 * - a NUL byte at the beginning of a line is an error, not the end of the exposition;
 * - a label name may not occur twice, nor be `__name__`: Prometheus refuses the scrape later;
 * - label values stay as exposed (`le="1"`), which Prometheus 3 rewrites to `1.0`.
 *
 * With `strict` it takes what the format's description takes, and checks families, histograms and summaries.
 *
 * Timestamps beyond 2^53 ms lose precision.
 * @throws ExpositionError for the first thing that breaks the format.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function parsePrometheusText(body: Uint8Array, options: { readonly strict?: boolean } = {}): Exposition {
  const cursor = new Cursor(body);
  const check = options.strict === true ? new StrictCheck(cursor, prometheusRules) : null;
  const parser: Parser = { cursor, check, collector: new FamilyCollector() };
  while (!cursor.atEnd()) readLine(parser);
  if (check !== null && body.length > 0 && body.at(-1) !== byteOf.newline) {
    throw cursor.error("the last line does not end with a line feed");
  }
  check?.end();
  return parser.collector.finish();
}

interface Parser {
  readonly cursor: Cursor;
  readonly collector: FamilyCollector;
  /** Null when lenient. */
  readonly check: StrictCheck | null;
}

function readLine(parser: Parser): void {
  const { cursor } = parser;
  cursor.skipBlanks();
  if (cursor.take(byteOf.hash)) readComment(parser);
  else if (!cursor.atLineEnd()) readSample(parser);
  cursor.take(byteOf.newline);
}

function readComment(parser: Parser): void {
  const { cursor } = parser;
  const kind = cursor.skipBlanks() ? takeKeyword(cursor) : null;
  if (kind === null || !readMetadata(parser, kind)) cursor.skipToLineEnd();
}

/** Moves over `HELP` or `TYPE` and the blanks behind it; null when this is another comment. */
function takeKeyword(cursor: Cursor): MetadataKind | null {
  const kind = cursor.takeWord("HELP") ? "help" : cursor.takeWord("TYPE") ? "type" : null;
  return kind !== null && cursor.skipBlanks() ? kind : null;
}

/** Reads the line from its name to its end; false when it is a comment after all. */
function readMetadata(parser: Parser, kind: MetadataKind): boolean {
  const { cursor } = parser;
  const start = cursor.offset;
  const syntax = parser.check === null ? lenientName : strictName;
  const quoted = cursor.peek() === byteOf.quote;
  const family = quoted ? readQuoted(cursor, syntax, "metric name") : readMetricName(cursor);
  if (family === "" && (parser.check !== null || !quoted)) {
    throw cursor.error(quoted ? "the metric name is empty" : `expected a metric name, not ${cursor.showNext()}`, start);
  }
  if (!cursor.atLineEnd() && !cursor.skipBlanks()) {
    if (kind === "help" && parser.check === null) return false;
    throw cursor.error(`expected a blank after the metric name, not ${cursor.showNext()}`);
  }
  const text = kind === "help" ? readHelp(parser) : readType(cursor);
  parser.check?.metadata(kind, family, text, start);
  // No series has an empty name, so what is said about it is of no use, but Prometheus lets it pass.
  if (family !== "") parser.collector.metadata(kind, family, text);
  return true;
}

function readHelp({ cursor, check }: Parser): string {
  const start = cursor.offset;
  const text = cursor.text(start, cursor.skipToLineEnd());
  if (!text.includes("\\")) return text;
  if (check !== null) checkHelpEscapes(cursor, start);
  return resolveHelpEscapes(text);
}

function checkHelpEscapes(cursor: Cursor, start: number): void {
  for (let offset = start; offset < cursor.offset; offset++) {
    if (cursor.bytes[offset] !== byteOf.backslash) continue;
    const next = cursor.bytes[offset + 1];
    if (next !== byteOf.backslash && next !== 0x6e) {
      throw cursor.error("the help text has an unknown escape: write a backslash as two", offset);
    }
    offset++;
  }
}

function readType(cursor: Cursor): string {
  const start = readToken(cursor, typeStops);
  const end = cursor.offset;
  const type = types.get(cursor.ascii(start, end));
  if (type === undefined) {
    throw cursor.error(start === end ? "expected a type" : `unknown type ${cursor.show(start, end)}`, start);
  }
  cursor.skipBlanks();
  if (!cursor.atLineEnd()) throw cursor.error(`expected the end of the line after the type, not ${cursor.showNext()}`);
  return type;
}

function readSample(parser: Parser): void {
  const { cursor } = parser;
  const start = cursor.offset;
  const labels: Label[] = [];
  const name = readSeries(parser, labels);
  const valueStart = readToken(cursor, valueStops);
  if (valueStart === cursor.offset) throw cursor.error(`expected a value, not ${cursor.showNext()}`);
  const value = readNumber(cursor, valueStart, "value");
  cursor.skipBlanks();
  const timestampMs = cursor.atLineEnd() ? null : readTimestamp(cursor);
  const sample = { name, labels, value, timestampMs };
  parser.check?.sample(sample, null, start);
  parser.collector.sample(sample);
}

/** Reads the metric name and the labels, which it appends to `labels`, and the blanks behind them. */
function readSeries({ cursor, check }: Parser, labels: Label[]): string {
  const start = cursor.offset;
  let name = readMetricName(cursor);
  if (name === "" && cursor.peek() !== byteOf.braceOpen) {
    throw cursor.error(`expected a metric name, a comment or a blank line, not ${cursor.showNext()}`);
  }
  cursor.skipBlanks();
  if (cursor.take(byteOf.braceOpen)) {
    name = readLabels(cursor, check === null ? lenientLabels : strictLabels, labels, name);
    if (name === "") throw cursor.error("the series has no metric name", start);
    cursor.skipBlanks();
  }
  return name;
}

/** Reads the timestamp and what follows it, which must be the end of the line. */
function readTimestamp(cursor: Cursor): number {
  const start = cursor.offset;
  cursor.take(byteOf.minus);
  const digits = cursor.offset;
  while (isDigit(cursor.peek())) cursor.offset++;
  if (cursor.offset === digits) {
    cursor.offset = start;
    throw cursor.error(`expected a timestamp in milliseconds or the end of the line, not ${cursor.showNext()}`);
  }
  const timestampMs = parseInt64(cursor.ascii(start, cursor.offset));
  if (timestampMs === null) {
    const text = cursor.show(start, cursor.offset);
    throw cursor.error(`the timestamp ${text} is beyond the range of a 64-bit integer`, start);
  }
  cursor.skipBlanks();
  if (!cursor.atLineEnd()) {
    throw cursor.error(`expected the end of the line after the timestamp, not ${cursor.showNext()}`);
  }
  return timestampMs;
}
