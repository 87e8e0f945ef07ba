import type { Sample } from "./exposition.ts";
import { parseNumber } from "./number.ts";

/** Where the two formats differ in what they ask of a histogram. */
export interface HistogramRules {
  /** Whether the bound of the last bucket must be written `+Inf`. */
  readonly canonicalInfinity: boolean;
  /** Whether sum and count come together, and what negative bounds mean for the sum. */
  readonly sumRules: boolean;
}

/** One set of buckets with its sum and count. */
interface Point {
  /** Bound of the last bucket; null before the first. */
  bound: number | null;
  /** Value of the last bucket, which the next may not go below. */
  value: number;
  count: number | null;
  sum: number | null;
  readonly gauge: boolean;
  negativeBound: boolean;
  /** Where its last sample stands. */
  offset: number;
}

/**
 * Checks the points of one histogram or gauge histogram: bounds that increase, buckets that accumulate, a last bucket
 * `+Inf` that equals the count.
 */
export class HistogramCheck {
  readonly #rules: HistogramRules;
  readonly #gauge: boolean;
  readonly #points = new Map<string, Point>();

  constructor(rules: HistogramRules, type: "histogram" | "gaugehistogram") {
    this.#rules = rules;
    this.#gauge = type === "gaugehistogram";
  }

  /** Takes the next sample of `point`; returns why it breaks a rule, or null. */
  sample(point: string, suffix: string, sample: Sample, offset: number): string | null {
    let state = this.#points.get(point);
    if (state === undefined) {
      state = { bound: null, value: 0, count: null, sum: null, gauge: this.#gauge, negativeBound: false, offset };
      this.#points.set(point, state);
    }
    state.offset = offset;
    if (suffix === "_bucket") return takeBucket(state, sample, this.#rules);
    if (suffix === "_count" || suffix === "_gcount") state.count = sample.value;
    else if (suffix === "_sum" || suffix === "_gsum") state.sum = sample.value;
    return null;
  }

  /** Tells what is missing or wrong once all samples are known, and where, or returns null. */
  end(family: string): { readonly reason: string; readonly offset: number } | null {
    for (const point of this.#points.values()) {
      const reason = faultOfPoint(point, this.#rules);
      if (reason !== null) return { reason: `the histogram ${JSON.stringify(family)} ${reason}`, offset: point.offset };
    }
    return null;
  }
}

function takeBucket(point: Point, sample: Sample, rules: HistogramRules): string | null {
  const text = sample.labels.find((label) => label.name === "le")?.value;
  if (text === undefined) return `the bucket has no label "le"`;
  const bound = parseNumber(text);
  if (typeof bound !== "number" || Number.isNaN(bound)) {
    return `the label "le" is ${JSON.stringify(text)}, not a number`;
  }
  if (bound === Infinity && rules.canonicalInfinity && text !== "+Inf") {
    return `the label "le" is ${JSON.stringify(text)}: write "+Inf"`;
  }
  if (point.bound !== null && bound <= point.bound) return "the buckets are not in increasing order";
  if (sample.value < point.value) return "the bucket holds less than the one before it";
  point.bound = bound;
  point.value = sample.value;
  if (bound < 0) point.negativeBound = true;
  return null;
}

function faultOfPoint(point: Point, rules: HistogramRules): string | null {
  if (point.bound !== Infinity) return `has no bucket with le="+Inf"`;
  if (point.count !== null && point.count !== point.value) return "has a count that differs from its last bucket";
  if (!rules.sumRules) return null;
  if (point.sum === null) return point.count === null ? null : "has a count but no sum";
  if (point.count === null) return "has a sum but no count";
  // With negative observations a sum could go down, so it would be no counter; that of a gauge histogram may.
  if (point.negativeBound && !point.gauge) return "has a sum although one of its bounds is negative";
  return point.sum < 0 && !point.negativeBound ? "has a negative sum although none of its bounds is negative" : null;
}
