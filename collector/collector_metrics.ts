import { Counter, Gauge, Histogram, type Registry } from "../core/telemetry/metrics.ts";
import type { Matching } from "./match/mod.ts";
import type { ScheduleLoop } from "./schedule/mod.ts";
import type { ScrapeResult, ShapeCache } from "./scrape/mod.ts";
import type { TargetTable } from "./target_table.ts";

const prefix = "bcs_metric_collector";

export interface CollectorMetrics {
  /** Counts a scrape that has ended. */
  scraped(result: ScrapeResult): void;
  /** Counts the series that ended with their target. */
  ended(series: number): void;
  /** Notes how late a scrape started. */
  started(latenessMs: number): void;
  /** Counts a scrape that failed for a defect of ours. */
  broken(): void;
}

/** The collector's own metrics, except those of the sender. */
export function makeCollectorMetrics(
  registry: Registry,
  parts: {
    readonly schedule: ScheduleLoop;
    readonly table: TargetTable;
    readonly cache: ShapeCache;
    /** Null when each body is parsed whole. */
    readonly matching: Matching | null;
    /** Of the assignment in force; 0 without one. */
    readonly generation: () => number;
  },
): CollectorMetrics {
  const registers = [registry];
  const counter = <Label extends string = string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter<Label>({ name: `${prefix}_${name}`, help, labelNames, registers });
  const scrapes = counter("scrapes_total", "Scrapes that have ended.", "outcome");
  for (const outcome of ["up", "down", "broken"]) scrapes.inc({ outcome }, 0);
  const samples = counter("scraped_samples_total", "Samples that targets exposed.");
  const duplicates = counter("duplicate_samples_total", "Samples dropped because their series came twice.");
  const native = counter(
    "native_histograms_not_carried_total",
    "Native histograms that targets exposed, of which only the classic part is carried.",
  );
  const stale = counter(
    "stale_series_total",
    "Series marked stale: vanished, or with a failed scrape or their target.",
  );
  const limits = counter("limit_exceeded_total", "Scrapes that failed since they exceed a limit.", "metric", "limit");
  const bodyBytes = counter("scraped_body_bytes_total", "Bytes of the targets' bodies, decompressed.");
  const duration = new Histogram({
    name: `${prefix}_scrape_duration_seconds`,
    help: "From the start of a scrape to its hand-over.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const lateness = new Histogram({
    name: `${prefix}_scrape_lateness_seconds`,
    help: "How long after the end of its slot a scrape started.",
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
    registers,
  });
  registerReadings(registry, parts);
  // Adding nothing costs as much as adding something.
  const add = (to: Counter, count: number) => {
    if (count > 0) to.inc(count);
  };
  return {
    scraped(result) {
      scrapes.inc({ outcome: result.health });
      samples.inc(result.samples);
      add(duplicates, result.duplicates);
      add(native, result.nativeHistograms);
      add(stale, result.seriesStale);
      if (result.limit !== null) limits.inc({ metric: result.limit.metric, limit: result.limit.name });
      bodyBytes.inc(result.bodyBytes);
      duration.observe(result.durationMs / 1000);
    },
    ended: (series) => stale.inc(series),
    started: (latenessMs) => lateness.observe(latenessMs / 1000),
    broken: () => scrapes.inc({ outcome: "broken" }),
  };
}

/** Metrics that others count already; they are read when somebody asks for them. */
function registerReadings(registry: Registry, parts: Parameters<typeof makeCollectorMetrics>[1]): void {
  const { schedule, table, cache, matching, generation } = parts;
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `${prefix}_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `${prefix}_${name}`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  counter("missed_ticks_total", "Ticks at which a target was not scraped.", () => schedule.counts.missedTicks);
  counter("clock_jumps_total", "Jumps of the wall clock.", () => schedule.counts.clockJumps);
  gauge("running_scrapes", "Scrapes under way.", () => schedule.load.running);
  gauge("waiting_scrapes", "Scrapes that are due and wait for a place.", () => schedule.load.waiting);
  gauge("generation", "Generation of the assignment in force; 0 without one.", generation);
  gauge("shapes", "Blocks and layouts that targets share.", () => cache.size);
  gauge("shapes_bytes", "Memory of the shared blocks and layouts, estimated.", () => cache.bytes);
  if (matching === null) return registerTargets(registers, table);
  gauge("templates_bytes", "Memory of what is expected of bodies.", () => matching.templates.bytes);
  gauge("templates_limit_bytes", "Memory that this may take.", () => matching.templates.bytesMax);
  new Counter({
    name: `${prefix}_read_bodies_total`,
    help: "Bodies read: matched with what was expected, partly, or parsed whole.",
    labelNames: ["way"],
    registers,
    collect() {
      this.reset();
      for (const [way, count] of Object.entries(matching.counts)) this.inc({ way }, count);
    },
  });
  registerTargets(registers, table);
}

function registerTargets(registers: Registry[], table: TargetTable): void {
  new Gauge({
    name: `${prefix}_targets`,
    help: "Targets by health.",
    labelNames: ["health"],
    registers,
    collect() {
      for (const [health, count] of Object.entries(table.countByHealth())) this.set({ health }, count);
    },
  });
}
