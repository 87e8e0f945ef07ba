/**
 * A scrape as the record of the original collector:
 *
 * ```
 * {"@timestamp":"2024-05-01T10:00:00.000Z","dataid":1500001,
 *  "objmeta":{"name":"cart-0","namespace":"shop","creationTimestamp":"0001-01-01T00:00:00Z","labels":{},
 *             "annotations":{},"clusterName":"BCS-K8S-00001","ip":"10.0.0.1"},
 *  "prometheus":{"collector":{"metrics":[{"key":"up","labels":{"job":"cart"},"value":1}]}}}
 * ```
 *
 * It has one time for all of its samples: those with a time of their own go into a record for each such time. NaN, the
 * infinities and so staleness markers are no JSON: they are left out and counted, where the original lost the whole
 * record. `creationTimestamp` is not known here: it is Go's zero time.
 */

import type { Block, Series, Target } from "../../../core/protocol/shape.ts";
import type { ResolvedScrape } from "../../sink.ts";
import { BlockCache, blockCacheBytesDefault, type Materialized } from "../block_cache.ts";
import { materializeLabels, withoutName } from "../materialize.ts";
import { sampleTimeMs } from "../samples.ts";

export interface ScrapeRecords {
  /** One JSON text for each time of the scrape; none when it has no sample that can be carried. */
  readonly texts: readonly string[];
  readonly samples: number;
  /** Samples that are no JSON numbers, or whose time is no date. */
  readonly notCarriedSamples: number;
}

/** The part of a metric's JSON before its value, for each series of a block. */
interface MetricPrefixes extends Materialized {
  readonly texts: readonly string[];
}

const stringOverheadBytes = 32;
/** A time further away has no date. */
const dateMsMax = 8.64e15;

/** Turns scrapes into records. The constant part of each metric is cached, in at most `cacheBytesMax` bytes. */
export class ScrapeRecordEncoder {
  readonly #prefixes: BlockCache<MetricPrefixes>;

  constructor(cacheBytesMax: number = blockCacheBytesDefault) {
    this.#prefixes = new BlockCache(cacheBytesMax, metricPrefixes);
  }

  encode(scrape: ResolvedScrape): ScrapeRecords {
    const { target, values } = scrape;
    const metrics = new Map<number, string[]>();
    let index = 0;
    let samples = 0;
    for (const block of scrape.blocks) {
      for (const prefix of this.#prefixes.get(block, target).texts) {
        const value = values[index] as number;
        const timeMs = sampleTimeMs(scrape, index);
        if (Number.isFinite(value) && Math.abs(timeMs) <= dateMsMax) {
          const ofTime = metrics.get(timeMs);
          const text = `${prefix}${Object.is(value, -0) ? "-0" : value}}`;
          if (ofTime === undefined) metrics.set(timeMs, [text]);
          else ofTime.push(text);
          samples++;
        }
        index++;
      }
    }
    const meta = objmeta(target);
    const texts = Array.from(metrics, ([timeMs, list]) => recordText(target.dataId, timeMs, meta, list));
    return { texts, samples, notCarriedSamples: values.length - samples };
  }
}

function recordText(dataId: number, timeMs: number, meta: string, metrics: readonly string[]): string {
  const head = `{"@timestamp":"${new Date(timeMs).toISOString()}","dataid":${dataId},"objmeta":${meta}`;
  return `${head},"prometheus":{"collector":{"metrics":[${metrics.join(",")}]}}}`;
}

function objmeta(target: Target): string {
  const labels = new Map(target.labels.map(({ name, value }) => [name, value]));
  return JSON.stringify({
    name: labels.get("pod") ?? "",
    namespace: labels.get("namespace") ?? "",
    creationTimestamp: "0001-01-01T00:00:00Z",
    labels: {},
    annotations: {},
    clusterName: labels.get("cluster") ?? "",
    ip: hostOf(labels.get("instance") ?? ""),
  });
}

/** The host of `host:port` and `[v6]:port`. */
function hostOf(instance: string): string {
  return /^\[(.*)\]:\d+$/.exec(instance)?.[1] ?? instance.replace(/:\d+$/, "");
}

function metricPrefixes(block: Block, target: Target): MetricPrefixes {
  const texts = block.series.map((series) => metricPrefix(series, target));
  return { texts, bytes: texts.reduce((sum, text) => sum + text.length + stringOverheadBytes, 0) };
}

function metricPrefix(series: Series, target: Target): string {
  const labels = withoutName(materializeLabels(series, target));
  const members = labels.map(({ name, value }) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",");
  // Joining gives a flat string; one made by `+` would be walked as a tree for each record that uses it.
  return [`{"key":`, JSON.stringify(series.name), `,"labels":{`, members, `},"value":`].join("");
}
