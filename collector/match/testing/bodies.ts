import * as fc from "fast-check";
import type { TestFormat } from "./scrapes.ts";

/** A body of a sequence, whose neighbours are like it. */
export interface TestBody {
  readonly format: TestFormat;
  readonly text: string;
}

/** Values that the kernel reads, that it leaves to the naive parser, and that are none. */
const values = [
  ["1", "0", "-0", "17", "0.25", "-3.5", "1e3", "123456789", "9007199254740993", "1.7976931348623157e308", "5e-324"],
  ["NaN", "+Inf", "-Inf", "+5", ".5", "1.", "1e22", "0.1000000000000000055511151231257827", "12345678901234567890"],
] as const;
const noValues = ["", "0x1", "1_0", "1e999", "one", "1 2 3", '1"'] as const;

/** What may become of a family: mostly it stays as it is. */
const variants = ["same", "same", "same", "same", "gone", "grown", "shrunk", "other", "timed", "odd", "twice"] as const;
type Variant = (typeof variants)[number];

interface TestFamily {
  readonly name: string;
  readonly type: string;
  readonly series: readonly string[];
  /** Whether it is there only when it has grown. */
  readonly isRare?: boolean;
}

const families: readonly TestFamily[] = [
  { name: "requests", type: "counter", series: ['requests_total{code="200",pod="x"}', 'requests_total{code="500"}'] },
  { name: "plain", type: "", series: ["plain"] },
  {
    name: "latency",
    type: "histogram",
    series: ['latency_bucket{le="1"}', 'latency_bucket{le="+Inf"}', "latency_sum", "latency_count"],
  },
  // It claims a sample of the histogram, so that lines of two families are mixed.
  { name: "latency_count", type: "gauge", series: ['latency_count{drop="1"}'], isRare: true },
  { name: "dropped", type: "gauge", series: ['dropped{drop="1"}', 'dropped{a="1"}', 'dropped{drop="2"}'] },
  { name: "size", type: "summary", series: ['size{quantile="0.5"}', 'size{quantile="0.9"}', "size_sum", "size_count"] },
  // A series of it is one of the synthetic ones, which is dropped.
  { name: "up", type: "gauge", series: ["up", 'up{app="other"}'], isRare: true },
  { name: "escaped", type: "gauge", series: ['escaped{path="C:\\\\ \\"x\\" 5\\n} 7"}', 'escaped{"é"="ü"}'] },
  { name: '"my.metric"', type: "gauge", series: ['{"my.metric",a="b"}', '{"my.metric","é"="ü"}'] },
  { name: "old", type: "gauge", series: ["old", 'old{exported_app="1",app="2"}'] },
  { name: "unit_seconds", type: "gauge", series: ['unit_seconds{namespace=""}'] },
];

export interface BodiesOptions {
  readonly formats: readonly TestFormat[];
  /** Whether some bodies are damaged. */
  readonly isDamaged: boolean;
}

const value = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...values[0]) },
  { weight: 2, arbitrary: fc.constantFrom(...values[1]) },
  { weight: 2, arbitrary: fc.double().map((double) => String(double).replace("Infinity", "Inf")) },
);

const inserts = ["", "\n", '"', "5", " ", "#", "# EOF\n", "up 1\n", "}"] as const;

function rarely<T>(isWanted: boolean, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: isWanted ? 1 : 0, arbitrary });
}

/** Sequences of bodies, in which each family mostly stays as it is and only its values change. */
export function bodies({ formats, isDamaged }: BodiesOptions): fc.Arbitrary<TestBody[]> {
  const body = fc.record({
    format: fc.constantFrom(...formats),
    variants: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      {
        weight: 3,
        arbitrary: fc.array(fc.tuple(fc.nat(families.length - 1), fc.constantFrom(...variants)), { maxLength: 2 }),
      },
    ),
    values: fc.array(value, { minLength: 1, maxLength: 12 }),
    noValue: rarely(isDamaged, fc.constantFrom(...noValues)),
    damage: rarely(isDamaged, fc.record({ at: fc.nat(2000), insert: fc.constantFrom(...inserts) })),
  }).map((made): TestBody => {
    const text = textOf(
      made.format,
      made.variants,
      made.noValue === null ? made.values : [...made.values, made.noValue],
    );
    if (made.damage === null) return { format: made.format, text };
    const { at, insert } = made.damage;
    const cut = at % (text.length + 1);
    return { format: made.format, text: text.slice(0, cut) + insert + text.slice(insert === "" ? cut + 1 : cut) };
  });
  return fc.array(body, { minLength: 3, maxLength: 9 });
}

function textOf(format: TestFormat, changes: readonly (readonly [number, Variant])[], list: readonly string[]): string {
  let next = 0;
  const read = () => list[next++ % list.length] as string;
  const text = families.map((family, index) => {
    const variant = changes.find(([at]) => at === index)?.[1] ?? "same";
    const isThere = family.isRare === true ? variant === "grown" : variant !== "gone";
    return !isThere ? "" : familyText(format, family, variant, read);
  });
  return text.join("") + (format === "openmetrics" ? "# EOF\n" : "");
}

function familyText(
  format: TestFormat,
  { name, type, series }: TestFamily,
  variant: Variant,
  read: () => string,
): string {
  const isOpen = format === "openmetrics";
  const help = variant === "other" ? "Another 5" : "Some \\\\ help 7";
  let text = type === "" ? "" : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  if (!isOpen && name === "plain") text = "# a comment 5\n\n";
  const list = variant === "shrunk" ? series.slice(1) : variant === "twice" ? [...series, ...series] : series;
  for (const one of list) {
    const time = variant === "timed" ? isOpen ? " 1700000000.5" : " 1700000000123" : "";
    const exemplar = isOpen && variant === "odd" ? ' # {trace="a 5"} 1' : "";
    const blank = !isOpen && variant === "odd" ? "\t " : " ";
    text += `${one}${blank}${read()}${time}${exemplar}\n`;
  }
  const grown = name.startsWith('"') ? `{${name}}` : `${name}${type === "counter" ? "_total" : ""}{new="1"}`;
  if (variant === "grown") text += `${grown} ${read()}\n`;
  return text;
}
