import type { Block, Target } from "../../../core/protocol/shape.ts";
import type { Batch, OpaqueRecord, ResolvedScrape } from "../../sink.ts";
import { BlockCache } from "../block_cache.ts";
import { expandRecord } from "../expand.ts";
import { type EncoderOptions, inTimeOrder, type WriteEncoder, type WriteRequest } from "./encoder.ts";
import { RequestBuffer2 } from "./request_buffer_2.ts";
import { SymbolDictionary } from "./symbols.ts";
import { bareTemplate, buildSymbolTemplate, type SymbolTemplate } from "./template_2.ts";

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
    if (this.#held.dictionary.bytes > this.#options.cacheBytesMax * dictionaryShare) {
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
    // Copying halves keeps the payload of every NaN, which a move as a number need not.
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
    let index = 0;
    for (const block of blocks) {
      const template = templates.get(block, target);
      const count = block.series.length;
      for (let series = 0; series < count; series++, index++) {
        const own = sampleTimesMs === null ? NaN : sampleTimesMs[index] as number;
        const timeMs = own === own ? own : timestampMs;
        buffer.append(template, series, bits[index * 2] as number, bits[index * 2 + 1] as number, timeMs);
        if (this.#isFull()) yield this.#take();
      }
    }
  }

  *#opaque(record: OpaqueRecord): Generator<WriteRequest> {
    const expanded = expandRecord(record);
    if (expanded === null || expanded.skipped > 0) this.#notCarriedRecords++;
    const bits = new Uint32Array(2);
    const number = new Float64Array(bits.buffer);
    const { buffer, dictionary } = this.#held;
    for (const { labels, value, timestampMs } of expanded?.samples ?? []) {
      number[0] = value;
      buffer.append(bareTemplate(labels, dictionary), 0, bits[0] as number, bits[1] as number, timestampMs);
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

/** What lasts as long as the dictionary does. */
interface Held {
  readonly dictionary: SymbolDictionary;
  readonly templates: BlockCache<SymbolTemplate>;
  readonly buffer: RequestBuffer2;
}

function newHeld({ cacheBytesMax }: EncoderOptions): Held {
  const dictionary = new SymbolDictionary();
  const build = (block: Block, target: Target) => buildSymbolTemplate(block, target, dictionary);
  const templates = new BlockCache(cacheBytesMax * (1 - dictionaryShare), build);
  return { dictionary, templates, buffer: new RequestBuffer2(dictionary) };
}
