import { type Block, encodeBlock, type EncodedShape, type Series } from "../../core/protocol/shape.ts";

/** What a scrape tells of itself. */
export interface ScrapeReport {
  readonly up: boolean;
  readonly durationMs: number;
  /** Samples that the target exposed. */
  readonly samplesScraped: number;
  /** Samples left after metric relabelling. */
  readonly samplesPostRelabeling: number;
  /** Series that the scrape before did not have. */
  readonly seriesAdded: number;
  /** Decompressed; 0 when there is none, -1 when it exceeds its limit. */
  readonly bodyBytes: number;
}

/** The series that a scrape has, whatever its target exposes. Metric relabelling does not see them. */
export interface SyntheticSeries {
  /** The same for all targets. */
  readonly block: EncodedShape<Block>;
  values(report: ScrapeReport): readonly number[];
}

/** Those of every scrape; of Prometheus, in this order. */
export const syntheticSeries: readonly Series[] = seriesOf(
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
);

const extraSeries = seriesOf("scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes");

const metadata = { family: "", type: "unknown", help: "", unit: "" };
const usualBlock = encodeBlock(metadata, syntheticSeries);
const extendedBlock = encodeBlock(metadata, [...syntheticSeries, ...extraSeries]);

export const usualSynthetic: SyntheticSeries = { block: usualBlock, values: usualValues };

/** Those of Prometheus' feature flag `extra-scrape-metrics` too. */
export function extendedSynthetic(timeoutSeconds: number, sampleLimit: number): SyntheticSeries {
  return {
    block: extendedBlock,
    values: (report) => [...usualValues(report), timeoutSeconds, sampleLimit, report.bodyBytes],
  };
}

function usualValues(report: ScrapeReport): readonly number[] {
  return [
    report.up ? 1 : 0,
    report.durationMs / 1000,
    report.samplesScraped,
    report.samplesPostRelabeling,
    report.seriesAdded,
  ];
}

function seriesOf(...names: string[]): Series[] {
  return names.map((name) => ({ name, labels: [] }));
}
