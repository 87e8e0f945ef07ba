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
}

/** The series that every scrape has, whatever its target exposes; those of Prometheus, in this order. */
export const syntheticSeries: readonly Series[] = [
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
].map((name) => ({ name, labels: [] }));

/** One block, the same for all targets. */
export const syntheticBlock: EncodedShape<Block> = encodeBlock(
  { family: "", type: "unknown", help: "", unit: "" },
  syntheticSeries,
);

/** The values of the synthetic block. */
export function syntheticValues(report: ScrapeReport): readonly number[] {
  return [
    report.up ? 1 : 0,
    report.durationMs / 1000,
    report.samplesScraped,
    report.samplesPostRelabeling,
    report.seriesAdded,
  ];
}
