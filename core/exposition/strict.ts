import type { Label } from "../protocol/shape.ts";
import type { ExpositionError, Sample } from "./exposition.ts";
import { type MetadataKind, unknownType } from "./families.ts";
import { HistogramCheck, type HistogramRules } from "./strict_histogram.ts";

/** What a strict check knows of the family whose lines it reads. */
export interface OpenFamily {
  readonly name: string;
  type: string;
  unit: string;
}

/** What the description of a format asks for beyond its grammar. */
export interface StrictRules {
  /** What the sample names of a type have behind the family's name; `""` where a type is not listed. */
  readonly suffixes: Readonly<Record<string, readonly string[]>>;
  /**
   * Whether the samples of one metric must follow each other, with timestamps that go forward. Else each series must
   * occur once.
   */
  readonly orderedPoints: boolean;
  readonly histogram: HistogramRules;
  /** Why the sample breaks the rules of its type, or null. */
  faultOfSample(family: OpenFamily, suffix: string, sample: Sample): string | null;
  /** Why the family's metadata breaks the rules, or null. */
  faultOfFamily(family: OpenFamily): string | null;
}

/** What is read, as far as a check needs it: offsets of bytes in it become places in errors. */
export interface Places {
  error(reason: string, offset: number): ExpositionError;
}

/** The state of one family while its lines are read. */
interface Reading extends OpenFamily {
  readonly offset: number;
  readonly metadata: Set<MetadataKind>;
  hasSamples: boolean;
  /** Series that occurred, within one metric when points are ordered. */
  readonly series: Set<string>;
  readonly metrics: Set<string>;
  metric: string | null;
  seconds: number | null;
  histogram: HistogramCheck | null;
}

/**
 * Checks an exposition against {@link StrictRules}, line by line, while it is read: metadata once and before the
 * samples, no mixing of families, names that fit the type, values that fit it.
 * Every method throws ExpositionError at the line that breaks a rule.
 */
export class StrictCheck {
  readonly #places: Places;
  readonly #rules: StrictRules;
  /** Every sample name that a closed family has or could have, with the family. */
  readonly #claimed = new Map<string, string>();
  #family: Reading | null = null;

  constructor(places: Places, rules: StrictRules) {
    this.#places = places;
    this.#rules = rules;
  }

  metadata(kind: MetadataKind, name: string, text: string, offset: number): void {
    const family = this.#family?.name === name ? this.#family : this.#open(name, offset);
    const label = `${kind.toUpperCase()} line of ${JSON.stringify(name)}`;
    if (family.hasSamples) throw this.#places.error(`the ${label} comes after its samples`, offset);
    if (family.metadata.has(kind)) throw this.#places.error(`a second ${label}`, offset);
    family.metadata.add(kind);
    if (kind === "unit") family.unit = text;
    if (kind !== "type") return;
    family.type = text;
    if (text === "histogram" || text === "gaugehistogram") {
      family.histogram = new HistogramCheck(this.#rules.histogram, text);
    }
  }

  /** `seconds` is the timestamp as the line has it, where points are ordered by it. */
  sample(sample: Sample, seconds: number | null, offset: number): void {
    let family = this.#family;
    let suffix = family === null ? null : this.#suffixOf(family, sample.name);
    if (family === null || suffix === null) {
      if (family?.name === sample.name) throw this.#places.error(this.#noSampleOf(family, sample.name), offset);
      this.end();
      const owner = this.#claimed.get(sample.name);
      if (owner !== undefined) throw this.#places.error(notTogether(owner), offset);
      family = this.#open(sample.name, offset);
      suffix = "";
    }
    family.hasSamples = true;
    const fault = this.#rules.faultOfSample(family, suffix, sample);
    if (fault !== null) throw this.#places.error(fault, offset);
    this.#checkOrder(family, sample, seconds, offset);
    const point = metricKey(family, sample.labels) + (this.#rules.orderedPoints ? ` ${seconds}` : "");
    const histogramFault = family.histogram?.sample(point, suffix, sample, offset) ?? null;
    if (histogramFault !== null) throw this.#places.error(histogramFault, offset);
  }

  end(): void {
    const family = this.#family;
    if (family === null) return;
    const fault = family.histogram?.end(family.name) ?? null;
    if (fault !== null) throw this.#places.error(fault.reason, fault.offset);
    const familyFault = this.#rules.faultOfFamily(family);
    if (familyFault !== null) throw this.#places.error(familyFault, family.offset);
    const names = new Set(["", ...this.#suffixes(family.type)].map((suffix) => family.name + suffix));
    for (const name of names) {
      const other = this.#claimed.get(name);
      if (other !== undefined) throw this.#places.error(clash(family.name, other, name), family.offset);
    }
    for (const name of names) this.#claimed.set(name, family.name);
    this.#family = null;
  }

  #open(name: string, offset: number): Reading {
    this.end();
    const other = this.#claimed.get(name);
    if (other !== undefined) throw this.#places.error(clash(name, other, name), offset);
    this.#family = {
      name,
      type: unknownType,
      unit: "",
      offset,
      metadata: new Set(),
      hasSamples: false,
      series: new Set(),
      metrics: new Set(),
      metric: null,
      seconds: null,
      histogram: null,
    };
    return this.#family;
  }

  #suffixes(type: string): readonly string[] {
    return this.#rules.suffixes[type] ?? [""];
  }

  #suffixOf(family: OpenFamily, sampleName: string): string | null {
    if (!sampleName.startsWith(family.name)) return null;
    const suffix = sampleName.slice(family.name.length);
    return this.#suffixes(family.type).includes(suffix) ? suffix : null;
  }

  #noSampleOf(family: OpenFamily, sampleName: string): string {
    const names = this.#suffixes(family.type).map((suffix) => family.name + suffix).join(", ");
    return `${JSON.stringify(sampleName)} is not a sample of the ${family.type} ${family.name}, which has ${names}`;
  }

  #checkOrder(family: Reading, sample: Sample, seconds: number | null, offset: number): void {
    const series = JSON.stringify([
      sample.name,
      sortedPairs(sample.labels),
      this.#rules.orderedPoints ? seconds : null,
    ]);
    if (this.#rules.orderedPoints) {
      const metric = metricKey(family, sample.labels);
      if (metric === family.metric) {
        const fault = faultOfTimes(family.seconds, seconds);
        if (fault !== null) throw this.#places.error(fault, offset);
      } else {
        if (family.metrics.has(metric)) {
          throw this.#places.error("the samples of a metric are mixed with others", offset);
        }
        family.metrics.add(metric);
        family.metric = metric;
        family.series.clear();
      }
      family.seconds = seconds;
    }
    if (family.series.has(series)) throw this.#places.error("the series occurs twice", offset);
    family.series.add(series);
  }
}

/** The label that tells the samples of one metric apart, or "" when the type has none. */
function partLabel(family: OpenFamily): string {
  switch (family.type) {
    case "histogram":
    case "gaugehistogram":
      return "le";
    case "summary":
      return "quantile";
    case "stateset":
      return family.name;
    default:
      return "";
  }
}

/** What is the same for all samples of one metric and differs between metrics. */
function metricKey(family: OpenFamily, labels: readonly Label[]): string {
  const part = partLabel(family);
  return JSON.stringify(sortedPairs(labels.filter((label) => label.name !== part)));
}

/** Labels in an order that does not depend on the exposition's; an empty value is as good as none. */
function sortedPairs(labels: readonly Label[]): [string, string][] {
  const pairs = labels.filter((label) => label.value !== "").map(({ name, value }): [string, string] => [name, value]);
  return pairs.toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
}

function faultOfTimes(previous: number | null, next: number | null): string | null {
  if (previous === null && next === null) return null;
  if (previous === null || next === null) return "some samples of the metric have a timestamp and some have none";
  return next < previous ? "the timestamps of the metric go back" : null;
}

function notTogether(family: string): string {
  return `the lines of the family ${JSON.stringify(family)} do not follow each other`;
}

function clash(family: string, other: string, name: string): string {
  if (family === other) return notTogether(family);
  return `the families ${JSON.stringify(other)} and ${JSON.stringify(family)} both have the sample name ${
    JSON.stringify(name)
  }`;
}
