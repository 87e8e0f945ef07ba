import * as fc from "fast-check";
import type { Label } from "../../protocol/shape.ts";
import type { Exemplar, Exposition, Family, Sample } from "../exposition.ts";
import type { TextFormat } from "../parse.ts";

const suffixes: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total"],
  gauge: [""],
  histogram: ["_bucket", "_sum", "_count"],
  gaugehistogram: ["_bucket", "_gsum", "_gcount"],
  summary: ["", "_sum", "_count"],
  info: ["_info"],
  stateset: [""],
  unknown: [""],
};

const typesOf: Readonly<Record<TextFormat, readonly string[]>> = {
  prometheus: ["counter", "gauge", "histogram", "summary", "unknown"],
  openmetrics: Object.keys(suffixes),
};

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("\\", "n", '"', "\n", " ", "{", "#") }),
);
const quotedName = text.filter((name) => name !== "" && name !== "__name__" && !name.includes("\0"));
const plainName = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/).filter((name) => name !== "__name__");

/** Makes records that are equal to object literals, also in their prototype. */
const literal = { noNullPrototype: true } as const;

const label: fc.Arbitrary<Label> = fc.record({ name: fc.oneof(plainName, quotedName), value: text }, literal);
const labels = fc.uniqueArray(label, { selector: ({ name }) => name, maxLength: 20 });
const timestampMs = fc.oneof(fc.constant(null), fc.integer({ min: -(2 ** 52), max: 2 ** 52 }));
const value = fc.oneof(fc.double(), fc.integer());

const exemplar: fc.Arbitrary<Exemplar> = fc.record({ labels, value, timestampMs }, literal);

/**
 * Expositions that the lenient reader of `format` gives back when they are written and read. Their values need not
 * fit their types.
 */
export function arbitraryExposition(format: TextFormat): fc.Arbitrary<Exposition> {
  const families = fc.array(arbitraryFamily(format), { maxLength: 5 });
  return families.map((list) => ({ families: list.map((family, index) => numbered(family, index)) }));
}

function arbitraryFamily(format: TextFormat): fc.Arbitrary<Family> {
  const base = fc.oneof(plainName, quotedName);
  // The text format skips blanks before a help text.
  const help = text.map((given) => format === "prometheus" ? given.replace(/^[ \t]+/, "") : given);
  return fc.record({ base, help, type: fc.constantFrom(...typesOf[format]), withUnit: fc.boolean() })
    .chain(({ base: family, help: given, type, withUnit }) =>
      fc.array(arbitrarySample(format, family, type), { maxLength: 5 }).map((samples) => ({
        family,
        type,
        help: given,
        unit: withUnit && format === "openmetrics" ? "u" : "",
        samples,
      }))
    );
}

function arbitrarySample(format: TextFormat, family: string, type: string): fc.Arbitrary<Sample> {
  const name = fc.constantFrom(...(suffixes[type] ?? [""]).map((suffix) => family + suffix));
  const plain = fc.record({ name, labels, value, timestampMs }, literal);
  return format === "openmetrics"
    ? fc.oneof(plain, fc.record({ name, labels, value, timestampMs, exemplar }, literal))
    : plain;
}

/** Puts a number into the names, so that no family has the name or a sample name of another. */
function numbered(family: Family, index: number): Family {
  const rename = (name: string): string =>
    `${family.family}${index}${family.unit === "" ? "" : `_${family.unit}`}`
    + name.slice(family.family.length);
  return {
    ...family,
    family: rename(family.family),
    samples: family.samples.map((sample) => ({ ...sample, name: rename(sample.name) })),
  };
}

const pieces: Readonly<Record<TextFormat, readonly string[]>> = {
  prometheus: [
    "# HELP ",
    "# TYPE ",
    "counter\n",
    "histogram\n",
    '{"a.b"}',
    "a_bucket",
    "a_sum",
    " 1\n",
    " 1 -5\n",
    "\t",
  ],
  openmetrics: [
    "# EOF\n",
    "# HELP ",
    "# TYPE ",
    "# UNIT ",
    "counter\n",
    "info\n",
    " # {",
    "} 1\n",
    "a_total",
    " 1.5\n",
  ],
};

const common = [
  "a",
  " ",
  "\n",
  "{",
  "}",
  "=",
  ",",
  '"',
  "\\",
  "#",
  "1",
  "-",
  ".",
  "e9",
  "NaN",
  'x="1"',
  "le",
  "é",
  "\0",
  "\r",
];

/** Bodies that are mostly bad, in many ways: soups of tokens, and good expositions with a few bytes changed. */
export function arbitraryBody(
  format: TextFormat,
  write: (exposition: Exposition) => string,
): fc.Arbitrary<Uint8Array> {
  const soup = fc.array(fc.constantFrom(...common, ...pieces[format]), { maxLength: 30 }).map((list) => list.join(""));
  const good = arbitraryExposition(format).map(write);
  const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), keep: fc.boolean() });
  return fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(fc.oneof(soup, good), fc.array(change, { maxLength: 3 })).map(([body, changes]) => {
      const bytes = [...Buffer.from(body)];
      for (const { at, byte, keep } of changes) bytes.splice(at % (bytes.length + 1), keep ? 0 : 1, byte);
      return Uint8Array.from(bytes);
    }),
  );
}
