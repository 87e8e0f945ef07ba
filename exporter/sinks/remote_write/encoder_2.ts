import type { Target } from "../../../core/protocol/shape.ts";
import type { Batch, OpaqueRecord, ResolvedScrape } from "../../sink.ts";
import { BlockCache } from "../block_cache.ts";
import { expandRecord } from "../expand.ts";
import { type EncoderOptions, inTimeOrder, type WriteEncoder, type WriteRequest } from "./encoder.ts";
import { LabelShapes } from "./label_shapes.ts";
import { RequestBuffer2, type SeriesSource } from "./request_buffer_2.ts";
import { SymbolDictionary } from "./symbols.ts";
import {
  bareTemplate,
  buildSymbolTemplate,
  buildTargetTemplate,
  type SymbolTemplate,
  type TargetTemplate,
  type TemplateParts,
} from "./template_2.ts";

/** Half of the cache's bytes are for strings, half for the series that are made of them. */
const dictionaryShare = 0.5;

/**
 * Encodes batches as Requests of remote write 2.0, one sample a series, scrapes in the order of their times. A request
 * ends with the series that reaches one of its limits. Strings are numbered once in a dictionary; when that outgrows
 * its bytes, it is begun anew between two batches, with the templates that refer to it.
 */
export class RequestEncoder2 implements WriteEncoder {
  readonly #options: EncoderOptions;
  #held: Held;
  #notCarriedRecords = 0;

  constructor(options: EncoderOptions) {
    this.#options = options;
    this.#held = newHeld(options);
  }

  get notCarriedRecords(): number {
    return this.#notCarriedRecords;
  }

  *requests(batch: Batch): Generator<WriteRequest> {
    const { dictionary, shapes } = this.#held;
    if (dictionary.bytes + shapes.bytes > this.#options.cacheBytesMax * dictionaryShare) {
      this.#held = newHeld(this.#options);
    }
    this.#held.buffer.clear();
    this.#notCarriedRecords = 0;
    for (const scrape of inTimeOrder(batch.scrapes)) yield* this.#scrape(scrape);
    for (const record of batch.opaque) yield* this.#opaque(record);
    if (this.#held.buffer.samples > 0) yield this.#take();
  }

  *#scrape({ values, blocks, target, timestampMs, sampleTimesMs }: ResolvedScrape): Generator<WriteRequest> {
    const { buffer, templates } = this.#held;
    const targetTemplate = this.#targetOf(target);
    // Copying halves keeps the payload of every NaN, which a move as a number need not.
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    let index = 0;
    for (const block of blocks) {
      const template = templates.get(block, anyTarget);
      let series = 0;
      for (let run = 0; run < template.shapes.length; run++) {
        const source = this.#source(template, run, targetTemplate);
        const end = template.shapesEnd[run] as number;
        for (; series < end; series++, index++) {
          const own = sampleTimesMs === null ? NaN : sampleTimesMs[index] as number;
          const timeMs = own === own ? own : timestampMs;
          buffer.append(source, series, bits[index * 2] as number, bits[index * 2 + 1] as number, timeMs);
          if (this.#isFull()) yield this.#take();
        }
      }
    }
  }

  #source(template: SymbolTemplate, run: number, target: TargetTemplate): SeriesSource {
    const { shapes, dictionary } = this.#held;
    const shape = template.shapes[run];
    if (shape === undefined) throw new Error(`Run ${run} has a shape`);
    return { template, plan: shapes.plan(shape, target.shape, dictionary), target };
  }

  #targetOf(target: Target): TargetTemplate {
    const { targets } = this.#held;
    const known = targets.get(target);
    if (known !== undefined) return known;
    const template = buildTargetTemplate(target, this.#held);
    targets.set(target, template);
    return template;
  }

  *#opaque(record: OpaqueRecord): Generator<WriteRequest> {
    const expanded = expandRecord(record);
    if (expanded === null || expanded.skipped > 0) this.#notCarriedRecords++;
    const bits = new Uint32Array(2);
    const number = new Float64Array(bits.buffer);
    const { buffer } = this.#held;
    const target = this.#targetOf(anyTarget);
    for (const { labels, value, timestampMs } of expanded?.samples ?? []) {
      number[0] = value;
      const source = this.#source(bareTemplate(labels, this.#held), 0, target);
      buffer.append(source, 0, bits[0] as number, bits[1] as number, timestampMs);
      if (this.#isFull()) yield this.#take();
    }
  }

  #isFull(): boolean {
    const { samples, length } = this.#held.buffer;
    return samples >= this.#options.samplesMax || length >= this.#options.requestBytesMax;
  }

  #take(): WriteRequest {
    const { buffer } = this.#held;
    const request = { body: buffer.finish(), samples: buffer.samples, isCompressed: false };
    buffer.clear();
    return request;
  }
}

/** A block's template is the same for all targets. */
const anyTarget: Target = { kind: "target", id: "", dataId: 0, labels: [] };

/** What lasts as long as the dictionary does. */
interface Held extends TemplateParts {
  readonly templates: BlockCache<SymbolTemplate>;
  readonly targets: WeakMap<Target, TargetTemplate>;
  readonly buffer: RequestBuffer2;
}

function newHeld({ cacheBytesMax }: EncoderOptions): Held {
  const dictionary = new SymbolDictionary();
  const parts = { dictionary, shapes: new LabelShapes() };
  const templates = new BlockCache(cacheBytesMax * (1 - dictionaryShare), (block) => buildSymbolTemplate(block, parts));
  return { ...parts, templates, targets: new WeakMap(), buffer: new RequestBuffer2(dictionary) };
}
