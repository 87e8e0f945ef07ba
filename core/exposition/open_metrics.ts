import type { Label } from "../protocol/shape.ts";
import { byteOf, Cursor } from "./cursor.ts";
import type { Exemplar, Exposition } from "./exposition.ts";
import { FamilyCollector, type MetadataKind } from "./families.ts";
import { type LabelSyntax, readLabels } from "./labels.ts";
import { type QuotedSyntax, readMetricName, readQuoted, readToken, resolveEscapes } from "./lex.ts";
import { readNumber, readSeconds, type Seconds } from "./number.ts";
import { StrictCheck } from "./strict.ts";
import { openMetricsRules } from "./strict_openmetrics.ts";

const types: ReadonlySet<string> = new Set([
  "counter",
  "gauge",
  "histogram",
  "gaugehistogram",
  "summary",
  "info",
  "stateset",
  "unknown",
]);

const keywords: readonly (readonly [string, MetadataKind])[] = [
  ["HELP ", "help"],
  ["TYPE ", "type"],
  ["UNIT ", "unit"],
];

/** What a strict or lenient reader takes. */
interface Dialect {
  readonly labels: LabelSyntax;
  readonly exemplarLabels: LabelSyntax;
}

const closedText: QuotedSyntax = { rawNewline: false, nul: true, unknownEscape: true };
const closedName: QuotedSyntax = { rawNewline: false, nul: false, unknownEscape: true };

const lenientLabels: LabelSyntax = {
  blanks: false,
  comma: "required",
  trailingComma: true,
  metricName: "anywhere",
  checkedNames: true,
  quotedName: { rawNewline: true, nul: false, unknownEscape: true },
  value: closedText,
};

const lenient: Dialect = {
  labels: lenientLabels,
  exemplarLabels: { ...lenientLabels, metricName: "nowhere", checkedNames: false, quotedName: closedName },
};

const strictLabels: LabelSyntax = {
  ...lenientLabels,
  trailingComma: false,
  metricName: "first",
  quotedName: closedName,
};

const strict: Dialect = {
  labels: strictLabels,
  exemplarLabels: { ...strictLabels, metricName: "nowhere" },
};

const tokenStops = [byteOf.space, byteOf.newline];

/**
 * Reads OpenMetrics 1.0 text, with the quoted UTF-8 names that Prometheus 3 adds to it. Timestamps, which are
 * seconds there, become milliseconds; what is finer is cut off.
 *
 * Lenient (`strict: false`) takes what the parser of Prometheus 3 takes: families may be mixed, metadata may be
 * repeated (the last counts) or follow the samples, and values need not fit their type. It differs in that a label
 * name may not occur twice nor be `__name__` (Prometheus refuses the scrape later), in that a timestamp must fit 64
 * bits of milliseconds, and in that `_created` and `le` stay as exposed.
 *
 * Strict takes what the specification takes. Of its rules for exposers those are left out that a reader cannot see
 * broken (sums that are right, counters that never go back) and the reserved leading underscore of names, which the
 * grammar allows.
 * @throws ExpositionError for the first thing that breaks the format; also when `# EOF` is missing.
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/
 */
export function parseOpenMetrics(body: Uint8Array, options: { readonly strict: boolean }): Exposition {
  const cursor = new Cursor(body);
  const parser: Parser = {
    cursor,
    dialect: options.strict ? strict : lenient,
    check: options.strict ? new StrictCheck(cursor, openMetricsRules) : null,
    collector: new FamilyCollector(),
  };
  for (let ended = false; !ended;) ended = readLine(parser);
  parser.check?.end();
  return parser.collector.finish();
}

interface Parser {
  readonly cursor: Cursor;
  readonly dialect: Dialect;
  readonly collector: FamilyCollector;
  /** Null when lenient. */
  readonly check: StrictCheck | null;
}

/** Reads one line; true when it was `# EOF`. */
function readLine(parser: Parser): boolean {
  const { cursor } = parser;
  if (cursor.atEnd()) throw cursor.error(`the exposition does not end with "# EOF"`);
  if (cursor.peek() !== byteOf.hash) {
    readSample(parser);
    return false;
  }
  const start = cursor.offset;
  if (cursor.takeWord("# EOF")) {
    cursor.take(byteOf.newline);
    if (!cursor.atEnd()) throw cursor.error(`expected nothing after "# EOF", not ${cursor.showNext()}`);
    return true;
  }
  const kind = cursor.takeWord("# ") ? takeKeyword(cursor) : null;
  if (kind === null) throw cursor.error(`expected "# HELP ", "# TYPE ", "# UNIT " or "# EOF"`, start);
  readMetadata(parser, kind);
  return false;
}

function takeKeyword(cursor: Cursor): MetadataKind | null {
  return keywords.find(([word]) => cursor.takeWord(word))?.[1] ?? null;
}

function readMetadata(parser: Parser, kind: MetadataKind): void {
  const { cursor, dialect } = parser;
  const start = cursor.offset;
  const quoted = cursor.peek() === byteOf.quote;
  const family = quoted ? readQuoted(cursor, dialect.labels.quotedName, "metric name") : readMetricName(cursor);
  if (family === "" && (parser.check !== null || !quoted)) {
    throw cursor.error(quoted ? "the metric name is empty" : `expected a metric name, not ${cursor.showNext()}`, start);
  }
  takeBlank(cursor, "the metric name");
  const textStart = cursor.offset;
  const raw = cursor.text(textStart, cursor.skipToLineEnd());
  takeNewline(cursor, kind.toUpperCase());
  if (kind === "type" && !types.has(raw)) throw cursor.error(`unknown type ${JSON.stringify(raw)}`, textStart);
  if (kind === "unit" && raw !== "" && !family.endsWith(`_${raw}`)) {
    throw cursor.error(`the unit ${JSON.stringify(raw)} does not end the name ${JSON.stringify(family)}`, textStart);
  }
  // An odd number of backslashes leaves one that escapes nothing.
  if (parser.check !== null && kind === "help" && /(?<!\\)(?:\\\\)*\\$/.test(raw)) {
    throw cursor.error("the help text ends with a backslash: write it as two", textStart);
  }
  const text = kind === "help" ? resolveEscapes(raw) : raw;
  parser.check?.metadata(kind, family, text, start);
  // No series has an empty name, so what is said about it is of no use, but Prometheus lets it pass.
  if (family !== "") parser.collector.metadata(kind, family, text);
}

function readSample(parser: Parser): void {
  const { cursor } = parser;
  const start = cursor.offset;
  const labels: Label[] = [];
  const name = readSeries(parser, labels);
  const value = readNumber(cursor, readField(cursor, "value"), "value");
  let time: Seconds | null = null;
  if (cursor.peek() === byteOf.space && !atExemplar(cursor)) {
    time = readSeconds(cursor, readField(cursor, "timestamp"), "timestamp");
  }
  const exemplar = atExemplar(cursor) ? readExemplar(parser) : null;
  takeNewline(cursor, "sample");
  const timestampMs = time?.timestampMs ?? null;
  const sample = exemplar === null
    ? { name, labels, value, timestampMs }
    : { name, labels, value, timestampMs, exemplar };
  parser.check?.sample(sample, time?.seconds ?? null, start);
  parser.collector.sample(sample);
}

function readSeries({ cursor, dialect }: Parser, labels: Label[]): string {
  const start = cursor.offset;
  const name = readMetricName(cursor);
  if (!cursor.take(byteOf.braceOpen)) {
    if (name === "") throw cursor.error(`expected a metric name or "#", not ${cursor.showNext()}`);
    return name;
  }
  const found = readLabels(cursor, dialect.labels, labels, name);
  if (found === "") throw cursor.error("the series has no metric name", start);
  return found;
}

/** Whether ` # {` is next, which begins an exemplar; another `#` would be a bad timestamp. */
function atExemplar(cursor: Cursor): boolean {
  const { bytes, offset } = cursor;
  return bytes[offset] === byteOf.space && bytes[offset + 1] === byteOf.hash && bytes[offset + 2] === byteOf.space
    && bytes[offset + 3] === byteOf.braceOpen;
}

function readExemplar({ cursor, dialect }: Parser): Exemplar {
  cursor.takeWord(" # {");
  const labels: Label[] = [];
  readLabels(cursor, dialect.exemplarLabels, labels, "");
  const value = readNumber(cursor, readField(cursor, "value of the exemplar"), "value of the exemplar");
  if (cursor.peek() !== byteOf.space) return { labels, value, timestampMs: null };
  const start = readField(cursor, "timestamp of the exemplar");
  return { labels, value, timestampMs: readSeconds(cursor, start, "timestamp of the exemplar").timestampMs };
}

/** Moves over one space and the token behind it, and returns where the token begins. */
function readField(cursor: Cursor, what: string): number {
  if (!cursor.take(byteOf.space)) throw cursor.error(`expected a space and the ${what}, not ${cursor.showNext()}`);
  const start = readToken(cursor, tokenStops);
  if (start === cursor.offset) throw cursor.error(`expected the ${what}, not ${cursor.showNext()}`);
  return start;
}

function takeBlank(cursor: Cursor, after: string): void {
  if (!cursor.take(byteOf.space)) throw cursor.error(`expected a space after ${after}, not ${cursor.showNext()}`);
}

function takeNewline(cursor: Cursor, what: string): void {
  if (!cursor.take(byteOf.newline)) {
    throw cursor.error(`expected the end of the ${what} line, not ${cursor.showNext()}`);
  }
}
