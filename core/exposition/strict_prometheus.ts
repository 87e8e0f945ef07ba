import { parseNumber } from "./number.ts";
import type { StrictRules } from "./strict.ts";

/** What the description of the Prometheus text format asks for beyond its grammar. */
export const prometheusRules: StrictRules = {
  suffixes: {
    histogram: ["_bucket", "_sum", "_count"],
    summary: ["", "_sum", "_count"],
  },
  orderedPoints: false,
  histogram: { canonicalInfinity: false, sumRules: false },
  faultOfSample(family, suffix, sample) {
    if (family.type === "histogram" && suffix !== "_sum" && !(sample.value >= 0)) {
      return `the value of ${JSON.stringify(sample.name)} is negative or NaN, and counts observations`;
    }
    if (family.type !== "summary" || suffix !== "") return null;
    const quantile = sample.labels.find((label) => label.name === "quantile")?.value;
    if (quantile === undefined) return `the summary's sample has no label "quantile"`;
    return typeof parseNumber(quantile) === "number"
      ? null
      : `the label "quantile" is ${JSON.stringify(quantile)}, not a number`;
  },
  faultOfFamily: () => null,
};
