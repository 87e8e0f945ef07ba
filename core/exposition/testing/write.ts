import type { Label } from "../../protocol/shape.ts";
import type { Exemplar, Exposition, Family, Sample } from "../exposition.ts";
import type { TextFormat } from "../parse.ts";

/** Writes an exposition as text that reads back as the same, in the plainest form of the format. */
export function writeExposition(exposition: Exposition, format: TextFormat): string {
  const lines = exposition.families.flatMap((family) => familyLines(family, format));
  if (format === "openmetrics") lines.push("# EOF");
  return lines.map((line) => `${line}\n`).join("");
}

function familyLines(family: Family, format: TextFormat): string[] {
  const name = isPlain(family.family, metricName) ? family.family : quote(family.family);
  const lines: string[] = [];
  if (family.type !== "unknown" || family.samples.length === 0) {
    const type = format === "prometheus" && family.type === "unknown" ? "untyped" : family.type;
    lines.push(`# TYPE ${name} ${type}`);
  }
  if (family.unit !== "") lines.push(`# UNIT ${name} ${family.unit}`);
  if (family.help !== "") lines.push(`# HELP ${name} ${escape(family.help, format === "openmetrics")}`);
  return [...lines, ...family.samples.map((sample) => sampleLine(sample, format))];
}

function sampleLine(sample: Sample, format: TextFormat): string {
  const plain = isPlain(sample.name, metricName);
  const inside = [...plain ? [] : [quote(sample.name)], ...sample.labels.map(writeLabel)];
  const series = (plain ? sample.name : "") + (inside.length === 0 ? "" : `{${inside.join(",")}}`);
  const { timestampMs, exemplar } = sample;
  const time = timestampMs === null ? "" : ` ${writeTime(timestampMs, format)}`;
  return `${series} ${writeValue(sample.value)}${time}${exemplar === undefined ? "" : ` # ${writeExemplar(exemplar)}`}`;
}

function writeExemplar({ labels, value, timestampMs }: Exemplar): string {
  const time = timestampMs === null ? "" : ` ${writeTime(timestampMs, "openmetrics")}`;
  return `{${labels.map(writeLabel).join(",")}} ${writeValue(value)}${time}`;
}

function writeLabel({ name, value }: Label): string {
  return `${isPlain(name, labelName) ? name : quote(name)}=${quote(value)}`;
}

function writeValue(value: number): string {
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function writeTime(timestampMs: number, format: TextFormat): string {
  const exact = BigInt(timestampMs);
  if (format === "prometheus") return String(exact);
  const digits = String(exact < 0n ? -exact : exact).padStart(4, "0");
  return `${exact < 0n ? "-" : ""}${digits.slice(0, -3)}.${digits.slice(-3)}`;
}

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function isPlain(name: string, form: RegExp): boolean {
  return form.test(name);
}

function quote(text: string): string {
  return `"${escape(text, true)}"`;
}

function escape(text: string, quotes: boolean): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return quotes ? escaped.replaceAll('"', '\\"') : escaped;
}
