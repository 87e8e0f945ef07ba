import assert from "node:assert/strict";
import { encodeBlock } from "../../core/protocol/shape.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import type { Batch, DeliveryOutcome, ResolvedScrape } from "../../exporter/sink.ts";
import {
  labelList,
  makeStale,
  testBatch,
  type TestSample,
  testScrape,
  testTarget,
} from "../../exporter/sinks/batch_testing.ts";
import { materializeLabels } from "../../exporter/sinks/materialize.ts";
import { readSinks } from "../../exporter/sinks/mod.ts";
import { getJson } from "./programs.ts";
import { seriesKey } from "./sink_files.ts";
import { waitFor } from "./wait.ts";

/** What a sink is given, and what should be read back of it. */
export interface RoundTrip {
  readonly batches: readonly Batch[];
  /** `labels time value`, without those that are stale. */
  readonly samples: readonly string[];
  /** When one of the series is stale and the others are not. */
  readonly staleMs: number;
  /** The series that are there then, by their labels. */
  readonly alive: readonly string[];
}

interface Family {
  readonly type: string;
  readonly family: string;
  readonly samples: readonly TestSample[];
}

const intervalMs = 10_000;
/** So long ago that nothing hides the samples for being too new, and so short that no lookback has passed. */
const agoMs = 60_000;

/** A label's name at the destination, where it is another. */
export type Renamed = Readonly<Record<string, string>>;

/**
 * Scrapes of every type of family, three to six; in the last one the series `rt_gone` is stale. `job` tells sinks
 * apart.
 */
export function roundTrip(job: string, renamed: Renamed = {}, rounds = 3): RoundTrip {
  const firstMs = Math.floor(systemEnv.clock.wallMs() / 1000) * 1000 - agoMs;
  const scrapes = Array.from(
    { length: rounds },
    (_, round) => scrapeOf(families(round), job, firstMs + round * intervalMs),
  );
  const goneAt = families(0).findIndex(({ family }) => family === "rt_gone");
  const last = scrapes.at(-1) as ResolvedScrape;
  const gone = last.blocks.slice(0, goneAt).reduce((sum, block) => sum + block.series.length, 0);
  makeStale(last, gone);
  const keysOf = (scrape: ResolvedScrape) => seriesKeysOf(scrape, renamed);
  const isGone = (scrape: ResolvedScrape, index: number) => scrape === last && index === gone;
  return {
    batches: [...scrapes.slice(0, -2).map((scrape) => testBatch([scrape])), testBatch(scrapes.slice(-2))],
    samples: scrapes.flatMap((scrape) =>
      keysOf(scrape).flatMap((key, index) =>
        isGone(scrape, index) ? [] : [`${key} ${scrape.timestampMs} ${scrape.values[index]}`]
      )
    ).toSorted(),
    staleMs: last.timestampMs + 1000,
    alive: keysOf(last).filter((_, index) => !isGone(last, index)).toSorted(),
  };
}

/**
 * Delivers by a sink that is made from a configuration, and expects success. Returns what the sink says to the last
 * batch when it comes again, as after a crash of the exporter.
 */
export async function deliverAll(
  config: Readonly<Record<string, unknown>>,
  { batches }: RoundTrip,
): Promise<DeliveryOutcome> {
  const log = makeLogger("test", "silent");
  const deps = { env: systemEnv, dataDir: ".", log, variables: {} };
  const [sink] = await readSinks({ sinks: [{ name: "round-trip", ...config }] }, "", deps);
  assert.ok(sink !== undefined);
  try {
    for (const batch of batches) assertTaken(await sink.deliver(batch, AbortSignal.timeout(10_000)), batch);
    return await sink.deliver(batches.at(-1) ?? testBatch([]), AbortSignal.timeout(10_000));
  } finally {
    await sink.close();
  }
}

/** Waits until PromQL finds exactly what was sent, by values, labels and times, and no stale series. */
export async function expectReadBack(
  url: string,
  selector: string,
  { samples, staleMs, alive }: RoundTrip,
): Promise<void> {
  const all = `{__name__=~"rt_.*",${selector}}`;
  let found: string[] = [];
  await waitFor("the samples", 20_000, async () => {
    const series = await query(url, `${all}[5m]`, staleMs);
    found = [...new Set(series.flatMap(linesOf))].toSorted();
    return found.length >= samples.length ? true : null;
  }).catch((error: unknown) => assert.deepEqual(found, samples, String(error)));
  assert.deepEqual(found, samples);
  const now = await query(url, all, staleMs);
  assert.deepEqual(now.map(({ metric }) => seriesKey(metric)).toSorted(), alive);
}

interface FoundSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values?: readonly (readonly [number, string])[];
}

/**
 * VictoriaMetrics shows staleness markers among the samples of a range, as NaN (nothing that is sent is one), and what
 * was delivered twice twice.
 */
function linesOf({ metric, values = [] }: FoundSeries): string[] {
  return values.filter(([, value]) => value !== "NaN").map(([seconds, value]) =>
    `${seriesKey(metric)} ${Math.round(seconds * 1000)} ${Number(value.replace("Inf", "Infinity"))}`
  );
}

async function query(url: string, expression: string, timeMs: number): Promise<readonly FoundSeries[]> {
  const search = new URLSearchParams({ query: expression, time: String(timeMs / 1000), nocache: "1" });
  const answer = await getJson(`${url}/api/v1/query?${search.toString()}`);
  return (answer as { readonly data: { readonly result: readonly FoundSeries[] } }).data.result;
}

function assertTaken(outcome: DeliveryOutcome, batch: Batch): void {
  assert.ok(outcome.outcome === "delivered", JSON.stringify(outcome));
  assert.deepEqual([outcome.samples, outcome.rejectedSamples ?? 0], [batch.sampleCount, 0]);
}

function scrapeOf(all: readonly Family[], job: string, timestampMs: number): ResolvedScrape {
  const blocks = all.map(({ family, type, samples }) => {
    const series = samples.map(({ name, labels }) => ({ name, labels: labelList(labels ?? {}) }));
    return encodeBlock({ family, type, help: `Help of ${family}.`, unit: "" }, series).shape;
  });
  const target = testTarget({ job, instance: "10.0.0.1:9100", cluster: "BCS-K8S-00001", namespace: "shop" });
  return { ...testScrape(all.map(({ samples }) => samples), { target, timestampMs }), blocks };
}

function seriesKeysOf({ blocks, target }: ResolvedScrape, renamed: Renamed): string[] {
  const labels = blocks.flatMap((block) => block.series.map((series) => materializeLabels(series, target)));
  return labels.map((one) =>
    seriesKey(Object.fromEntries(one.map(({ name, value }) => [renamed[name] ?? name, value] as const)))
  );
}

function families(round: number): Family[] {
  const buckets = [["0.1", 1], ["2", 3], ["+Inf", 4]] as const;
  return [
    {
      type: "gauge",
      family: "rt_gauge",
      samples: [0.1, -1e300, 1.5e-9, Infinity, -Infinity, 2 ** 53].map((value, index) => ({
        name: "rt_gauge",
        labels: { n: String(index), text: `"quoted" \\ 温度 \u{1F321}` },
        value,
      })),
    },
    { type: "gauge", family: "rt_gone", samples: [{ name: "rt_gone", value: 1 }] },
    { type: "counter", family: "rt_requests_total", samples: [{ name: "rt_requests_total", value: 7 * round }] },
    { type: "unknown", family: "rt_unknown", samples: [{ name: "rt_unknown", value: round }] },
    {
      type: "histogram",
      family: "rt_seconds",
      samples: [
        ...buckets.map(([le, count]) => ({
          name: "rt_seconds_bucket",
          labels: { le, path: "/" },
          value: count * round,
        })),
        { name: "rt_seconds_sum", labels: { path: "/" }, value: 2.5 * round },
        { name: "rt_seconds_count", labels: { path: "/" }, value: 4 * round },
      ],
    },
    {
      type: "summary",
      family: "rt_size",
      samples: [
        { name: "rt_size", labels: { quantile: "0.5" }, value: 10 },
        { name: "rt_size", labels: { quantile: "0.99" }, value: 20 },
        { name: "rt_size_sum", value: 100 * round },
        { name: "rt_size_count", value: 9 * round },
      ],
    },
  ];
}
