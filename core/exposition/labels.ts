import type { Label } from "../protocol/shape.ts";
import { byteOf, type Cursor } from "./cursor.ts";
import { LabelNames } from "./label_names.ts";
import { type QuotedSyntax, readLabelName, readQuoted } from "./lex.ts";

/** How a dialect writes what stands between braces. */
export interface LabelSyntax {
  /** Whether spaces and tabs may stand between the tokens. */
  readonly blanks: boolean;
  readonly comma: "required" | "optional";
  readonly trailingComma: boolean;
  /** Where a quoted metric name may stand, as in `{"metric.name", a="b"}`. */
  readonly metricName: "first" | "anywhere" | "nowhere";
  /** Whether label names must be unique, not empty and not `__name__`. Prometheus checks only those of series. */
  readonly checkedNames: boolean;
  readonly quotedName: QuotedSyntax;
  readonly value: QuotedSyntax;
}

/**
 * Reads the inside of braces, from behind the opening to behind the closing one, and appends its labels to `labels`.
 * `metricName` is the name that stood before the braces, or "". Returns that name or the one found inside.
 */
export function readLabels(cursor: Cursor, syntax: LabelSyntax, labels: Label[], metricName: string): string {
  const names = new LabelNames(labels);
  let found = metricName;
  for (let first = true;; first = false) {
    if (syntax.blanks) cursor.skipBlanks();
    if (cursor.take(byteOf.braceClose)) return found;
    const start = cursor.offset;
    const quoted = cursor.peek() === byteOf.quote;
    const name = quoted ? readQuoted(cursor, syntax.quotedName, "name") : readLabelName(cursor);
    if (syntax.blanks) cursor.skipBlanks();
    if (quoted && syntax.metricName !== "nowhere" && cursor.peek() !== byteOf.equal) {
      checkMetricName(cursor, syntax, start, { name, found, first });
      found = name;
    } else {
      if (name === "" && !quoted) throw cursor.error(`expected a label name or "}", not ${cursor.showNext()}`, start);
      const fault = syntax.checkedNames ? names.fault(name) : null;
      if (fault !== null) throw cursor.error(fault, start);
      labels.push({ name, value: readLabelValue(cursor, syntax) });
    }
    if (readSeparator(cursor, syntax)) return found;
  }
}

function readLabelValue(cursor: Cursor, syntax: LabelSyntax): string {
  if (!cursor.take(byteOf.equal)) {
    throw cursor.error(`expected "=" after the label name, not ${cursor.showNext()}`);
  }
  if (syntax.blanks) cursor.skipBlanks();
  if (cursor.peek() !== byteOf.quote) {
    throw cursor.error(`expected the label value in double quotes, not ${cursor.showNext()}`);
  }
  return readQuoted(cursor, syntax.value, "label value");
}

/** Moves over what separates two labels; true when it was the closing brace. */
function readSeparator(cursor: Cursor, syntax: LabelSyntax): boolean {
  if (syntax.blanks) cursor.skipBlanks();
  if (cursor.take(byteOf.braceClose)) return true;
  const comma = cursor.offset;
  if (!cursor.take(byteOf.comma)) {
    if (syntax.comma === "optional") return false;
    throw cursor.error(`expected "," or "}" after the label, not ${cursor.showNext()}`);
  }
  if (!syntax.trailingComma && cursor.peek() === byteOf.braceClose) {
    throw cursor.error(`a "," is not allowed before "}"`, comma);
  }
  return false;
}

interface FoundName {
  readonly name: string;
  /** The metric name known so far, or "". */
  readonly found: string;
  /** Whether the name is the first thing within the braces. */
  readonly first: boolean;
}

function checkMetricName(cursor: Cursor, syntax: LabelSyntax, start: number, { name, found, first }: FoundName): void {
  const next = cursor.peek();
  if (next !== byteOf.comma && next !== byteOf.braceClose) {
    throw cursor.error(`expected "=", "," or "}" after the quoted name, not ${cursor.showNext()}`);
  }
  if (found !== "") {
    throw cursor.error(
      `a second metric name ${JSON.stringify(name)}: the series is named ${JSON.stringify(found)}`,
      start,
    );
  }
  if (name === "") throw cursor.error("the metric name is empty", start);
  if (!first && syntax.metricName === "first") {
    throw cursor.error(`the metric name ${JSON.stringify(name)} must stand before the labels`, start);
  }
}
