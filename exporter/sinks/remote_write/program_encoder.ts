import type { ContentId, Label, Target } from "../../../core/protocol/shape.ts";
import type { Batch, ResolvedScrape } from "../../sink.ts";
import { type EncoderOptions, inTimeOrder, type WriteEncoder, type WriteRequest } from "./encoder.ts";
import type { Program } from "./program.ts";
import { ProgramCache } from "./program_cache.ts";
import type { ProgramFormat, ProgramRequest, TargetParts } from "./program_format.ts";
import { effectiveLabels } from "./program_labels.ts";
import { fitsProgram } from "./program_time.ts";

/** Scrapes of a kind that go the plain way before a program is worth its making. */
const seenMin = 3;
/** Slices of compilation, each about a tenth of a millisecond: for so many samples one, but for each batch a few. */
const samplesPerSlice = 600;
const slicesMin = 16;

/** Batches between two renewals of what is worn, unless it is worn beyond measure. */
const batchesHeldMin = 10_000;
const wearMax = 2;

interface Programmed<P> {
  readonly scrape: ResolvedScrape;
  readonly target: TargetParts;
  readonly program: P | null;
}

/**
 * Encodes by programs what has one, and hands the rest to the plain encoder. The scrapes of a target all go one way,
 * by a single program, so that its samples stay in the order of their times. Those of different targets do not, which
 * matters only if two targets expose the very same series.
 */
export class ProgramEncoder<P extends Program> implements WriteEncoder {
  readonly #options: EncoderOptions;
  readonly #makeFormat: () => ProgramFormat<P>;
  readonly #plain: WriteEncoder;
  #held: Held<P>;
  #batchesHeld = 0;
  readonly #targets = new WeakMap<Target, TargetParts>();

  /** `options.cacheBytesMax` bounds the programs. */
  constructor(options: EncoderOptions, makeFormat: () => ProgramFormat<P>, plain: WriteEncoder) {
    this.#options = options;
    this.#makeFormat = makeFormat;
    this.#plain = plain;
    this.#held = newHeld(options, makeFormat);
  }

  get notCarriedRecords(): number {
    return this.#plain.notCarriedRecords;
  }

  *requests(batch: Batch): Generator<WriteRequest> {
    this.#renew();
    this.#held.programs.advance(Math.max(slicesMin, batch.sampleCount / samplesPerSlice));
    const { request } = this.#held;
    const { groups, rest } = this.#split(inTimeOrder(batch.scrapes));
    request.clear();
    for (const [program, group] of groups) {
      for (const { scrape, target } of group) {
        if (!this.#hasRoom(program, target)) yield this.#take();
        request.append(program, scrape, target);
      }
    }
    if (request.samples > 0) yield this.#take();
    // Also without scrapes: the plain encoder counts what it did not carry of this batch.
    yield* this.#plain.requests({ ...batch, scrapes: rest });
  }

  /** Begins anew when the format is worn, but seldom: everything has to be compiled again. */
  #renew(): void {
    const { wear } = this.#held.format;
    this.#batchesHeld++;
    if (wear < 1 || wear < wearMax && this.#batchesHeld < batchesHeldMin) return;
    this.#held = newHeld(this.#options, this.#makeFormat);
    this.#batchesHeld = 0;
  }

  #split(scrapes: readonly ResolvedScrape[]): {
    readonly groups: ReadonlyMap<P, readonly Programmed<P>[]>;
    readonly rest: readonly ResolvedScrape[];
  } {
    const found = scrapes.map((scrape) => this.#find(scrape));
    const ways = new Map<ContentId, P | null>();
    for (const { scrape: { target: { id } }, program } of found) {
      ways.set(id, ways.has(id) && ways.get(id) !== program ? null : program);
    }
    const groups = Map.groupBy(found, ({ scrape: { target } }) => ways.get(target.id) ?? null);
    const rest = groups.get(null)?.map(({ scrape }) => scrape) ?? [];
    groups.delete(null);
    return { groups: groups as Map<P, Programmed<P>[]>, rest };
  }

  #find(scrape: ResolvedScrape): Programmed<P> {
    const target = this.#partsOf(scrape.target);
    const { values: { length }, sampleTimesMs, timestampMs, layout } = scrape;
    const fits = length > 0 && length <= this.#options.samplesMax && sampleTimesMs === null && fitsProgram(timestampMs);
    const program = fits ? this.#held.programs.get(`${layout.id}${target.key}`, scrape) : null;
    const isTooLarge = program !== null && program.messageBytes > this.#options.requestBytesMax;
    return { scrape, target, program: isTooLarge ? null : program };
  }

  #partsOf(target: Target): TargetParts {
    const known = this.#targets.get(target);
    if (known !== undefined) return known;
    const effective = effectiveLabels(target);
    const parts: TargetParts = { key: this.#held.format.keyOf(effective), effective, values: valueBytes(effective) };
    this.#targets.set(target, parts);
    return parts;
  }

  #hasRoom(program: P, target: TargetParts): boolean {
    const { request } = this.#held;
    const { samples, length } = request;
    if (samples === 0) return true;
    const { samplesMax, requestBytesMax } = this.#options;
    return request.suits(program, target) && samples + program.valueAt.length <= samplesMax
      && length + program.messageBytes <= requestBytesMax;
  }

  #take(): WriteRequest {
    const { request } = this.#held;
    const taken = { body: request.finish(), samples: request.samples, isCompressed: true };
    request.clear();
    return taken;
  }
}

/** What lasts as long as the format does. */
interface Held<P extends Program> {
  readonly format: ProgramFormat<P>;
  readonly programs: ProgramCache<P>;
  readonly request: ProgramRequest<P>;
}

function newHeld<P extends Program>(options: EncoderOptions, makeFormat: () => ProgramFormat<P>): Held<P> {
  const format = makeFormat();
  const programs = new ProgramCache<P>({
    bytesMax: options.cacheBytesMax,
    seenMin,
    compile: (scrape) => format.compile(scrape),
    bytesOf: (program) => format.bytesOf(program),
  });
  return { format, programs, request: format.newRequest() };
}

function valueBytes(effective: readonly Label[]): Uint8Array {
  return Buffer.concat(effective.map(({ value }) => Buffer.from(value)));
}
