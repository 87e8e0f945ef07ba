import type { Label } from "../protocol/shape.ts";
import type { Exposition, Family, NativeSample, Sample } from "./exposition.ts";

/**
 * How names that are not `[a-zA-Z_:][a-zA-Z0-9_:]*` (labels: without colons) are written:
 * - `allow-utf-8`: as they are;
 * - `underscores`: each other character as `_`;
 * - `dots`: `.` as `_dot_`, `_` as `__`, each other character as `__`;
 * - `values`: `U__`, then `_` as `__` and each other character as `_<lower-case hexadecimal code point>_`.
 *
 * Names that need nothing stay as they are, except with `dots`, which can be undone only if `.` and `_` never stay.
 * @see https://prometheus.io/docs/instrumenting/escaping_schemes/
 */
export type EscapingScheme = "allow-utf-8" | "underscores" | "dots" | "values";

const plainMetric = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const plainLabel = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** A metric name in the scheme. */
export function escapeMetricName(name: string, scheme: EscapingScheme): string {
  return escapeName(name, scheme, true);
}

/** A label name in the scheme: a colon is no plain character there. */
export function escapeLabelName(name: string, scheme: EscapingScheme): string {
  return escapeName(name, scheme, false);
}

/**
 * Undoes `dots` and `values`; the other schemes leave nothing to undo. A text that the scheme cannot have made comes
 * back as it is.
 */
export function unescapeName(name: string, scheme: EscapingScheme): string {
  if (scheme === "dots") return name.replaceAll(/_dot_|__/g, (found) => found === "__" ? "_" : ".");
  if (scheme !== "values" || !name.startsWith("U__")) return name;
  const body = name.slice(3);
  if (!/^(?:[a-zA-Z0-9:]|__|_[0-9a-f]{1,6}_)*$/.test(body)) return name;
  let valid = true;
  const text = body.replaceAll(/__|_([0-9a-f]{1,6})_/g, (found, hex: string | undefined) => {
    if (found === "__" || hex === undefined) return "_";
    const codePoint = Number.parseInt(hex, 16);
    valid &&= codePoint <= 0x10ffff && !(codePoint >= 0xd800 && codePoint <= 0xdfff);
    return valid ? String.fromCodePoint(codePoint) : "";
  });
  return valid ? text : name;
}

/**
 * The exposition with every name that needs it in the scheme; what a target has escaped itself needs nothing more.
 * Two names may become one; then their series may, too, and the second is dropped as any series that comes twice.
 */
export function escapeExposition(exposition: Exposition, scheme: EscapingScheme): Exposition {
  if (scheme === "allow-utf-8") return exposition;
  return { families: exposition.families.map((family) => escapeFamily(family, scheme)) };
}

function escapeFamily(family: Family, scheme: EscapingScheme): Family {
  const metricName = (name: string) => plainMetric.test(name) ? name : escapeMetricName(name, scheme);
  const series = <One extends Sample | NativeSample>(one: One): One => ({
    ...one,
    name: metricName(one.name),
    labels: escapeLabels(one.labels, scheme),
  });
  const { nativeHistograms } = family;
  return {
    ...family,
    family: metricName(family.family),
    samples: family.samples.map(series),
    ...nativeHistograms === undefined ? {} : { nativeHistograms: nativeHistograms.map(series) },
  };
}

function escapeLabels(labels: readonly Label[], scheme: EscapingScheme): readonly Label[] {
  if (labels.every(({ name }) => plainLabel.test(name))) return labels;
  const names = new Set(labels.map(({ name }) => name).filter((name) => plainLabel.test(name)));
  const escapedLabels: Label[] = [];
  for (const { name, value } of labels) {
    const escapes = !plainLabel.test(name);
    const plain = escapes ? escapeLabelName(name, scheme) : name;
    // A series has each label once: of two names that become one, a plain one stays, else the first.
    if (escapes && names.has(plain)) continue;
    names.add(plain);
    escapedLabels.push({ name: plain, value });
  }
  return escapedLabels;
}

function escapeName(name: string, scheme: EscapingScheme, colons: boolean): string {
  if (name === "" || scheme === "allow-utf-8") return name;
  if (scheme === "dots") return escaped(name, colons, (character) => character === "." ? "_dot_" : "__", "__");
  if ((colons ? plainMetric : plainLabel).test(name)) return name;
  if (scheme === "underscores") return escaped(name, colons, () => "_", "_");
  return `U__${escaped(name, colons, (character) => `_${(character.codePointAt(0) ?? 0).toString(16)}_`, "__")}`;
}

/** Writes each character that is not plain as `other` says, and each underscore as `underscore`. */
function escaped(name: string, colons: boolean, other: (character: string) => string, underscore: string): string {
  let text = "";
  let first = true;
  for (const character of name) {
    if (character === "_") text += underscore;
    else text += isPlain(character, colons, first) ? character : other(character);
    first = false;
  }
  return text;
}

function isPlain(character: string, colons: boolean, first: boolean): boolean {
  if (character === ":") return colons;
  return (first ? /^[a-zA-Z]$/ : /^[a-zA-Z0-9]$/).test(character);
}
