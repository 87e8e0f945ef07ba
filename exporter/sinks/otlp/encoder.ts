import { ByteWriter } from "../../../core/protocol/bytes.ts";
import type { Block } from "../../../core/protocol/shape.ts";
import { seriesCountOf } from "../../../core/protocol/stored_block.ts";
import type { Batch, OpaqueRecord, ResolvedScrape } from "../../sink.ts";
import { BlockCache } from "../block_cache.ts";
import { expandRecord } from "../expand.ts";
import { withoutName } from "../materialize.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { fillComposites, fillNumbers, type ScrapeBits } from "./fill.ts";
import { type BlockTemplate, buildBlockTemplate, type MetricTemplate } from "./template.ts";

export interface OtlpEncoderOptions {
  /** Samples in one request, about: a metric is cut at 500 points. */
  readonly samplesMax: number;
  /** Bytes of one request before compression; it ends with the metric that reaches them. */
  readonly requestBytesMax: number;
  readonly cacheBytesMax: number;
  /** The labels that go to the resource, with their names there. */
  readonly resourceLabels: ReadonlyMap<string, string>;
}

export interface OtlpRequest {
  /** An ExportMetricsServiceRequest; valid until the next request is asked for. */
  readonly body: Uint8Array<ArrayBuffer>;
  readonly samples: number;
  readonly points: number;
}

/** What of the last batch could not be carried. */
export interface NotCarried {
  readonly records: number;
  readonly samples: number;
}

/**
 * Encodes batches as requests of OTLP: one ResourceMetrics for each scrape and resource, in the order of their times.
 * family.ts tells what becomes of each series.
 */
export class OtlpEncoder {
  readonly #options: OtlpEncoderOptions;
  readonly #templates: BlockCache<BlockTemplate>;
  readonly #request = new ByteBuffer();
  /** The metrics of the resource in the making. */
  readonly #metrics = new ByteBuffer();
  #resource: MetricTemplate | null = null;
  #samples = 0;
  #points = 0;
  #notCarriedRecords = 0;
  #notCarriedSamples = 0;

  constructor(options: OtlpEncoderOptions) {
    this.#options = options;
    this.#templates = new BlockCache(
      options.cacheBytesMax,
      (block, target) => buildBlockTemplate(block, target, options.resourceLabels),
    );
  }

  get notCarried(): NotCarried {
    return { records: this.#notCarriedRecords, samples: this.#notCarriedSamples };
  }

  *requests(batch: Batch): Generator<OtlpRequest> {
    this.#begin();
    this.#notCarriedRecords = 0;
    this.#notCarriedSamples = 0;
    for (const scrape of batch.scrapes.toSorted((a, b) => a.timestampMs - b.timestampMs)) yield* this.#scrape(scrape);
    for (const record of batch.opaque) yield* this.#opaque(record);
    if (this.#samples > 0) yield this.#take();
  }

  *#scrape({ values, blocks, target, timestampMs, sampleTimesMs }: ResolvedScrape): Generator<OtlpRequest> {
    const bits = { halves: new Uint32Array(values.buffer, values.byteOffset, values.length * 2), values };
    let first = 0;
    for (const block of blocks) {
      const scrape: ScrapeBits = { ...bits, first, timestampMs, sampleTimesMs };
      yield* this.#block(this.#templates.get(block, target), scrape);
      first += seriesCountOf(block);
    }
    this.#endResource();
  }

  *#opaque(record: OpaqueRecord): Generator<OtlpRequest> {
    const expanded = expandRecord(record);
    if (expanded === null || expanded.skipped > 0) this.#notCarriedRecords++;
    const samples = expanded?.samples ?? [];
    const series = samples.map(({ labels }) => ({
      name: labels.find(({ name }) => name === "__name__")?.value ?? "",
      labels: withoutName(labels),
    }));
    const block: Block = { kind: "block", id: "", family: "", type: "unknown", help: "", unit: "", series };
    const values = Float64Array.from(samples, ({ value }) => value);
    yield* this.#block(buildBlockTemplate(block, { labels: [] }, this.#options.resourceLabels), {
      halves: new Uint32Array(values.buffer),
      values,
      first: 0,
      timestampMs: record.timestampMs,
      sampleTimesMs: Float64Array.from(samples, (sample) => sample.timestampMs),
    });
    this.#endResource();
  }

  *#block(template: BlockTemplate, scrape: ScrapeBits): Generator<OtlpRequest> {
    this.#notCarriedSamples += template.notCarriedSamples;
    for (const metric of template.metrics) {
      if (this.#samples > 0 && this.#samples + metric.samples > this.#options.samplesMax) yield this.#take();
      if (this.#resource !== null && this.#resource.resourceKey !== metric.resourceKey) this.#endResource();
      this.#resource ??= metric;
      this.#append(metric, scrape);
      if (this.#request.length + this.#metrics.length >= this.#options.requestBytesMax) yield this.#take();
    }
  }

  #append(metric: MetricTemplate, scrape: ScrapeBits): void {
    this.#metrics.append(new ByteWriter(8).u8(tag.metric).varint(metric.encoded.length).view());
    const at = this.#metrics.append(metric.encoded);
    const view = this.#metrics.dataView;
    if (metric.numbers !== null) fillNumbers(view, at, metric.numbers, scrape);
    fillComposites(view, at, metric.composites, scrape);
    this.#samples += metric.samples;
    this.#points += metric.points;
  }

  /**
   * Puts the metrics gathered under their resource. The scope stays empty: some receivers make labels of it, and every
   * series would be a new one with the next version of this program.
   */
  #endResource(): void {
    if (this.#resource === null) return;
    const { resource } = this.#resource;
    const inner = new ByteWriter(resource.length + 32);
    inner.u8(tag.resource).varint(resource.length).raw(resource);
    inner.u8(tag.scopeMetrics).varint(this.#metrics.length);
    const outer = new ByteWriter(8).u8(tag.resourceMetrics).varint(inner.length + this.#metrics.length);
    this.#request.append(outer.view());
    this.#request.append(inner.view());
    this.#request.append(this.#metrics.view());
    this.#metrics.clear();
    this.#resource = null;
  }

  #take(): OtlpRequest {
    this.#endResource();
    const request = { body: this.#request.view(), samples: this.#samples, points: this.#points };
    this.#begin();
    return request;
  }

  #begin(): void {
    this.#request.clear();
    this.#metrics.clear();
    this.#resource = null;
    this.#samples = 0;
    this.#points = 0;
  }
}

/** ExportMetricsServiceRequest.resource_metrics; ResourceMetrics.resource and .scope_metrics; ScopeMetrics.metrics. */
const tag = { resourceMetrics: 0x0a, resource: 0x0a, scopeMetrics: 0x12, metric: 0x12 };
