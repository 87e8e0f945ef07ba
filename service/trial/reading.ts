import type { CollectionMetric, CollectionTarget } from "../../core/config/schema.ts";
import { type Exposition, ExpositionError, type Family, type Sample } from "../../core/exposition/exposition.ts";
import {
  checkSamples,
  readScrape,
  ScrapedSeries,
  ScrapeRefusedError,
  seriesKey,
  type TargetIdentity,
  type TargetLabels,
  targetLabels,
  UnusableTargetError,
} from "../../core/scrape/mod.ts";

export const samplesShownMax = 20;
export const problemsMax = 20;

/** What is read from one body. */
export interface Reading {
  /** Samples as exposed, those that relabelling drops and those of a series that comes twice included. */
  readonly samples: number;
  readonly series: number;
  readonly families: number;
  /** Samples that would be dropped because their series came before. */
  readonly duplicates: number;
  /** The first ones, as they would be sent on: with all labels. */
  readonly first: readonly ShownSample[];
  /** Limits of the metric that are exceeded: each would fail the scrape. */
  readonly problems: readonly string[];
  /** Why nothing could be read; null when it could. */
  readonly error: ReadingError | null;
}

export interface ReadingError {
  readonly message: string;
  /** In the body, from 1; the column in bytes. */
  readonly line?: number;
  readonly column?: number;
}

export interface ShownSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** JSON has no NaN and no infinities: those are texts, as `NaN`, `+Inf` and `-Inf`. */
  readonly value: number | string;
  readonly timestampMs?: number;
  readonly type?: string;
}

export const emptyReading: Reading = {
  samples: 0,
  series: 0,
  families: 0,
  duplicates: 0,
  first: [],
  problems: [],
  error: null,
};

/** Reads a body as a collector would. Opaque metrics are not looked into. */
export function readBody(
  body: Uint8Array,
  contentType: string,
  metric: CollectionMetric,
  target: CollectionTarget,
  identity: TargetIdentity,
): Reading {
  if (metric.metricType === "") return emptyReading;
  try {
    const labels = targetLabels(identity, target.labels, metric.constLabels);
    return readingOf(readScrape(body, contentType, metric), labels, metric, identity.address);
  } catch (error) {
    if (error instanceof ExpositionError) {
      const { line, column, message } = error;
      return { ...emptyReading, error: { message, line, column } };
    }
    if (error instanceof ScrapeRefusedError || error instanceof UnusableTargetError) {
      return { ...emptyReading, error: { message: error.message } };
    }
    throw error;
  }
}

function readingOf(
  exposition: Exposition,
  target: TargetLabels,
  metric: CollectionMetric,
  address: string,
): Reading {
  const samples = exposition.families.reduce((sum, family) => sum + family.samples.length, 0);
  const problems = new Problems();
  const scraped = new ScrapedSeries(metric, target, address);
  let left = 0;
  const keys = new Set<string>();
  const first: ShownSample[] = [];
  for (const family of exposition.families) {
    for (const sample of family.samples) {
      const series = problems.check(() => scraped.make(sample)) ?? null;
      if (series === null) continue;
      left++;
      problems.check(() => scraped.check(series));
      const key = seriesKey(series);
      if (!keys.has(key) && first.length < samplesShownMax) first.push(shown(family, sample, series, target, metric));
      keys.add(key);
    }
  }
  const whole = new Problems();
  whole.check(() => checkSamples(left, metric.limits, address));
  return {
    samples,
    series: keys.size,
    families: exposition.families.length,
    duplicates: left - keys.size,
    first,
    problems: [...whole.list, ...problems.list].slice(0, problemsMax),
    error: null,
  };
}

/** Gathers what is refused, up to a bound. */
class Problems {
  readonly list: string[] = [];

  /** What `run` returns; undefined when it is refused. */
  check<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof ScrapeRefusedError)) throw error;
      if (this.list.length < problemsMax) this.list.push(error.message);
      return undefined;
    }
  }
}

function shown(
  family: Family,
  sample: Sample,
  series: Pick<Sample, "name" | "labels">,
  target: TargetLabels,
  metric: CollectionMetric,
): ShownSample {
  const own = series.labels.map(({ name, value }) => [name, value] as const);
  // A label that the series keeps with an empty value takes the target's away.
  const labels = Object.fromEntries([...target.values, ...own].filter(([name]) => !isRemoved(name, own)));
  const { timestampMs } = sample;
  return {
    name: series.name,
    labels,
    value: shownValue(sample.value),
    ...(timestampMs === null || !metric.honorTimestamps ? {} : { timestampMs }),
    ...(family.type === "" || family.type === "unknown" ? {} : { type: family.type }),
  };
}

function isRemoved(name: string, own: readonly (readonly [string, string])[]): boolean {
  return own.some(([label, value]) => label === name && value === "");
}

function shownValue(value: number): number | string {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
