/**
 * The bodies of BlueKing's HTTP JSON ingestion:
 *
 * ```
 * {"data_id":1500001,"access_token":"…","data":[
 *   {"metrics":{"up":1,"load":0.5},"target":"10.0.0.1:9100","dimension":{"job":"cart"},"timestamp":1700000000000}]}
 * ```
 *
 * Samples of one scrape with the same labels and time share an item. `target` is the `instance` label; `dimension` has
 * all labels but the name. The platform takes finite numbers only, names of letters, digits and `_`, and no time that
 * lies more than an hour ahead: what is otherwise is left out and counted, before it is sent.
 */

import type { Label } from "../../../core/protocol/shape.ts";
import type { Batch, ResolvedScrape } from "../../sink.ts";
import { BlockCache, blockCacheBytesDefault, type Materialized } from "../block_cache.ts";
import { type ExpandedSample, expandRecord } from "../expand.ts";
import { materializeLabels, withoutName } from "../materialize.ts";
import { sampleTimeMs } from "../samples.ts";

/** The `data` of one request. */
export interface PushRequest {
  readonly dataId: number;
  /** JSON texts of items, joined by commas. */
  readonly items: string;
  readonly samples: number;
}

export interface PushCounts {
  samples: number;
  records: number;
  notCarriedRecords: number;
  notCarriedSamples: number;
}

export interface PushOptions {
  /** Bytes of the items of one request. */
  readonly itemsBytesMax: number;
  /** Whether the platform would take data for it: there is a token. */
  readonly isKnown: (dataId: number) => boolean;
  readonly wallMs: () => number;
}

const aheadMsMax = 3_600_000;
const metricName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** What of an item does not change from scrape to scrape. */
interface ItemSeries {
  /** `"up":`, or null when the platform takes no such name. */
  readonly key: string | null;
  /** `,"target":…,"dimension":{…}`. */
  readonly rest: string;
}

interface BlockItems extends Materialized {
  readonly series: readonly ItemSeries[];
}

/** Samples of one scrape with the same labels and time. */
interface Group {
  readonly tail: string;
  readonly metrics: string[];
  characters: number;
}

const itemOverheadBytes = 20;
/** A request's worth of metrics with the same labels is split before it is large. */
const groupCharactersMax = 64 * 1024;
const seriesOverheadBytes = 100;

/** Turns batches into requests. The constant parts of items are cached, in at most `cacheBytesMax` bytes. */
export class PushEncoder {
  readonly #options: PushOptions;
  readonly #blocks: BlockCache<BlockItems>;

  constructor(options: PushOptions, cacheBytesMax: number = blockCacheBytesDefault) {
    this.#options = options;
    this.#blocks = new BlockCache(cacheBytesMax, (block, target) => {
      const series = block.series.map((one) => itemSeries(materializeLabels(one, target)));
      return { series, bytes: series.reduce((sum, { rest }) => sum + rest.length + seriesOverheadBytes, 0) };
    });
  }

  /** The requests of a batch, those of one dataid in the batch's order. `counts` is kept while they are taken. */
  *requests(batch: Batch, counts: PushCounts): Generator<PushRequest> {
    for (const [dataId, items] of this.#byDataId(batch, counts)) {
      let pending: string[] = [];
      let samples = 0;
      let bytes = 0;
      for (const item of items) {
        const itemBytes = Buffer.byteLength(item.text) + 1;
        if (bytes > 0 && bytes + itemBytes > this.#options.itemsBytesMax) {
          yield { dataId, items: pending.join(","), samples };
          [pending, samples, bytes] = [[], 0, 0];
        }
        if (itemBytes > this.#options.itemsBytesMax) {
          counts.samples -= item.samples;
          counts.notCarriedSamples += item.samples;
          continue;
        }
        pending.push(item.text);
        samples += item.samples;
        bytes += itemBytes;
      }
      if (bytes > 0) yield { dataId, items: pending.join(","), samples };
    }
  }

  #byDataId(batch: Batch, counts: PushCounts): Map<number, Item[]> {
    const byDataId = new Map<number, Item[]>();
    const listOf = (dataId: number): Item[] => {
      const list = byDataId.get(dataId) ?? [];
      byDataId.set(dataId, list);
      return list;
    };
    for (const scrape of batch.scrapes) {
      const { dataId } = scrape.target;
      if (!this.#options.isKnown(dataId)) {
        counts.notCarriedRecords++;
        counts.notCarriedSamples += scrape.values.length;
        continue;
      }
      counts.records++;
      for (const item of this.#scrapeItems(scrape, counts)) listOf(dataId).push(item);
    }
    for (const record of batch.opaque) {
      const expanded = this.#options.isKnown(record.dataId) ? expandRecord(record) : null;
      if (expanded === null) {
        counts.notCarriedRecords++;
        continue;
      }
      counts.records++;
      for (const item of this.#sampleItems(expanded.samples, counts)) listOf(record.dataId).push(item);
    }
    return byDataId;
  }

  #scrapeItems(scrape: ResolvedScrape, counts: PushCounts): Generator<Item> {
    const groups = new Groups(this.#options.wallMs(), counts);
    let index = 0;
    for (const block of scrape.blocks) {
      for (const series of this.#blocks.get(block, scrape.target).series) {
        groups.add(series, scrape.values[index] as number, sampleTimeMs(scrape, index));
        index++;
      }
    }
    return groups.items();
  }

  #sampleItems(samples: readonly ExpandedSample[], counts: PushCounts): Generator<Item> {
    const groups = new Groups(this.#options.wallMs(), counts);
    for (const { labels, value, timestampMs } of samples) groups.add(itemSeries(labels), value, timestampMs);
    return groups.items();
  }
}

interface Item {
  readonly text: string;
  readonly samples: number;
}

class Groups {
  readonly #wallMs: number;
  readonly #counts: PushCounts;
  readonly #groups: Group[] = [];
  readonly #open = new Map<string, Group>();

  constructor(wallMs: number, counts: PushCounts) {
    this.#wallMs = wallMs;
    this.#counts = counts;
  }

  add({ key, rest }: ItemSeries, value: number, timeMs: number): void {
    if (key === null || !Number.isFinite(value) || timeMs > this.#wallMs + aheadMsMax) {
      this.#counts.notCarriedSamples++;
      return;
    }
    const metric = `${key}${Object.is(value, -0) ? "-0" : value}`;
    const group = this.#groupOf(`${rest},"timestamp":${timeMs}`);
    group.metrics.push(metric);
    group.characters += metric.length + 1;
    this.#counts.samples++;
  }

  *items(): Generator<Item> {
    for (const { tail, metrics } of this.#groups) {
      yield { text: `{"metrics":{${metrics.join(",")}}${tail}}`, samples: metrics.length };
    }
  }

  #groupOf(tail: string): Group {
    const open = this.#open.get(tail);
    if (open !== undefined && open.characters < groupCharactersMax) return open;
    const group: Group = { tail, metrics: [], characters: tail.length + itemOverheadBytes };
    this.#open.set(tail, group);
    this.#groups.push(group);
    return group;
  }
}

function itemSeries(labels: readonly Label[]): ItemSeries {
  const name = labels.find((label) => label.name === "__name__")?.value ?? "";
  const instance = labels.find((label) => label.name === "instance")?.value ?? "";
  const members = withoutName(labels).map((label) => `${JSON.stringify(label.name)}:${JSON.stringify(label.value)}`);
  const rest = [`,"target":`, JSON.stringify(instance), `,"dimension":{`, members.join(","), "}"].join("");
  return { key: metricName.test(name) ? `${JSON.stringify(name)}:` : null, rest };
}

/** The whole body of a request: the token is put in last, so that nothing before it can hold or log one. */
export function pushBody({ dataId, items }: PushRequest, accessToken: string): Uint8Array {
  const text = `{"data_id":${dataId},"access_token":${JSON.stringify(accessToken)},"data":[${items}]}`;
  return new TextEncoder().encode(text);
}
