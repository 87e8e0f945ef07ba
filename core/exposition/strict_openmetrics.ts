import type { Exemplar, Sample } from "./exposition.ts";
import { parseNumber } from "./number.ts";
import type { OpenFamily, StrictRules } from "./strict.ts";

/** An exemplar's label names and values together may have this many code points. */
const exemplarCodePointsMax = 128;

/** What the OpenMetrics 1.0 specification asks for beyond its grammar. */
export const openMetricsRules: StrictRules = {
  suffixes: {
    counter: ["_total", "_created"],
    histogram: ["_bucket", "_sum", "_count", "_created"],
    gaugehistogram: ["_bucket", "_gsum", "_gcount"],
    summary: ["", "_sum", "_count", "_created"],
    info: ["_info"],
  },
  orderedPoints: true,
  histogram: { canonicalInfinity: true, sumRules: true },
  faultOfSample(family, suffix, sample) {
    return faultOfType(family, suffix, sample) ?? faultOfCount(suffix, sample)
      ?? faultOfExemplar(family, suffix, sample);
  },
  faultOfFamily(family) {
    if (family.unit === "") return null;
    if (family.type === "info" || family.type === "stateset") return `a family of type ${family.type} has no unit`;
    return /^[a-zA-Z0-9_:]+$/.test(family.unit) ? null : `the unit ${JSON.stringify(family.unit)} is not a name`;
  },
};

/** The rules that only one type has. */
function faultOfType(family: OpenFamily, suffix: string, sample: Sample): string | null {
  switch (family.type) {
    case "histogram":
    case "gaugehistogram":
      return suffix === "_bucket" ? null : faultOfPart(sample, "le");
    case "info":
      return sample.value === 1 ? null : "the value of an info must be 1";
    case "stateset":
      if (!sample.labels.some((label) => label.name === family.name)) {
        return `the stateset's sample has no label ${JSON.stringify(family.name)}`;
      }
      return sample.value === 0 || sample.value === 1 ? null : "the value of a state must be 0 or 1";
    case "summary":
      return suffix === "" ? faultOfQuantile(sample) : faultOfPart(sample, "quantile");
    default:
      return null;
  }
}

/** `label` tells the buckets or quantiles of one metric apart, so no other sample has it. */
function faultOfPart(sample: Sample, label: string): string | null {
  return sample.labels.some(({ name }) => name === label) ? `${sample.name} must not have the label "${label}"` : null;
}

function faultOfQuantile(sample: Sample): string | null {
  const text = sample.labels.find((label) => label.name === "quantile")?.value;
  if (text === undefined) return `the summary's sample has no label "quantile"`;
  const quantile = parseNumber(text);
  if (typeof quantile !== "number" || !(quantile >= 0 && quantile <= 1)) {
    return `the label "quantile" is ${JSON.stringify(text)}, not a number from 0 to 1`;
  }
  return sample.value < 0 ? "the value of a quantile must not be negative" : null;
}

/** The rules of the values that count. The suffix alone tells them: types without it have no such sample. */
function faultOfCount(suffix: string, sample: Sample): string | null {
  switch (suffix) {
    case "_bucket":
    case "_count":
    case "_gcount":
      return Number.isInteger(sample.value) && sample.value >= 0
        ? null
        : `${sample.name} must be a whole number, not below 0`;
    case "_total":
    case "_sum":
      return sample.value >= 0 ? null : `${sample.name} must not be negative or NaN`;
    case "_gsum":
      return Number.isNaN(sample.value) ? `${sample.name} must not be NaN` : null;
    default:
      return null;
  }
}

function faultOfExemplar(family: OpenFamily, suffix: string, sample: Sample): string | null {
  const { exemplar } = sample;
  if (exemplar === undefined) return null;
  if (suffix !== "_bucket" && !(family.type === "counter" && suffix === "_total")) {
    return "only buckets and the totals of counters have exemplars";
  }
  if (codePoints(exemplar) > exemplarCodePointsMax) {
    return `the labels of the exemplar are longer than ${exemplarCodePointsMax} code points`;
  }
  const bound = parseNumber(sample.labels.find((label) => label.name === "le")?.value ?? "");
  return typeof bound === "number" && exemplar.value > bound ? "the exemplar is above the bound of its bucket" : null;
}

function codePoints(exemplar: Exemplar): number {
  return exemplar.labels.reduce((sum, { name, value }) => sum + Array.from(name + value).length, 0);
}
