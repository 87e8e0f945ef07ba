import type { Label } from "../../../core/protocol/shape.ts";
import { compareUtf8 } from "../materialize.ts";
import type { Entry } from "./series_table.ts";

const plainMetricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const plainLabelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** A series in the text format; names that the classic format does not allow are in quotes. */
export function seriesText(labels: readonly Label[]): string {
  let name = "";
  const parts: string[] = [];
  for (const label of labels) {
    if (label.name === "__name__") name = label.value;
    else parts.push(`${plainLabelName.test(label.name) ? label.name : quote(label.name)}=${quote(label.value)}`);
  }
  if (!plainMetricName.test(name)) return `{${[quote(name), ...parts].join(",")}}`;
  return parts.length === 0 ? name : `${name}{${parts.join(",")}}`;
}

/** The same with every character that the classic format does not allow replaced by `_`. */
function underscored(labels: readonly Label[]): Label[] {
  return labels.map(({ name, value }) =>
    name === "__name__"
      ? { name, value: value.replace(/^(?=[0-9])|[^a-zA-Z0-9_:]/gu, "_") }
      : { name: name.replace(/^(?=[0-9])|[^a-zA-Z0-9_]/gu, "_"), value }
  );
}

function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"')}"`;
}

export interface TextFormat {
  readonly contentType: string;
  readonly utf8Names: boolean;
}

/** What a scraper's `Accept` header allows: names in UTF-8, or only those of the classic format. */
export function textFormat(accept: string): TextFormat {
  const utf8Names = /text\/plain[^,]*version=1\.0\.0[^,]*escaping=allow-utf-8/.test(accept);
  const version = utf8Names ? "version=1.0.0; escaping=allow-utf-8" : "version=0.0.4";
  return { contentType: `text/plain; ${version}; charset=utf-8`, utf8Names };
}

const pieceCharacters = 256 * 1024;
const textEncoder = new TextEncoder();

/** The exposition of the series, sorted and each with its time, in pieces of about 256 KiB. Types are not kept. */
export function* exposition(entries: readonly Entry[], utf8Names: boolean): Generator<Uint8Array<ArrayBuffer>> {
  let text = "";
  let family = "";
  for (const entry of entries.toSorted((a, b) => compareUtf8(a.name, b.name) || compareUtf8(a.text, b.text))) {
    if (entry.name !== family) {
      family = entry.name;
      if (plainMetricName.test(family)) text += `# TYPE ${family} untyped\n`;
    }
    text += `${lineStart(entry, utf8Names)} ${valueText(entry.value)} ${entry.timeMs}\n`;
    if (text.length < pieceCharacters) continue;
    yield textEncoder.encode(text);
    text = "";
  }
  if (text !== "") yield textEncoder.encode(text);
}

function lineStart({ text, labels }: Entry, utf8Names: boolean): string {
  const isPlain = labels.every(({ name, value }) =>
    name === "__name__" ? plainMetricName.test(value) : plainLabelName.test(name)
  );
  return utf8Names || isPlain ? text : seriesText(underscored(labels));
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}
