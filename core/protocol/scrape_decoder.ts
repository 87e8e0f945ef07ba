import { ByteReader, ByteWriter, MalformedError, varintBytes } from "./bytes.ts";
import { codedMode, codedRecordsMax, codedScrapeBytesMin, droppedFlag } from "./coded_scrapes.ts";
import {
  baseCostBytes,
  codedBytesMin,
  makeBase,
  moveBase,
  type Moved,
  ScratchBase,
  type ValueBase,
} from "./coded_values.ts";
import { frameBodyBytesMax } from "./frame.ts";
import {
  checkSampleTimes,
  plainScrapeBytes,
  sampleTimesFlag,
  scrapeBytesMin,
  scrapeHeadBytes,
  type ScrapeSummary,
  timestampOf,
} from "./scrapes.ts";
import { contentIdBytes, readContentId } from "./shape.ts";
import { decodeValues } from "./values_decoder.ts";

/** A record of a CODED frame, as it was before it was coded. */
export interface DecodedRecord {
  /** As in a SCRAPES frame; its own copy. */
  readonly body: Uint8Array<ArrayBuffer>;
  readonly summaries: readonly ScrapeSummary[];
}

interface Slot {
  /** Target and layout. */
  readonly ids: Uint8Array;
  readonly targetId: string;
  readonly layoutId: string;
  readonly base: ValueBase;
  lastMs: number;
  intervalMs: number;
}

/** Shared by all sessions: it holds nothing from one scrape to the next. */
const scratch = new ScratchBase();

/** The receiver's half of a session's coding (coded_scrapes.ts). It is given every CODED frame, in order. */
export class ScrapeDecoder {
  readonly budgetBytes: number;
  readonly #slots = new Map<number, Slot>();
  #bytes = 0;

  /** `budgetBytes`: what was granted for bases; more of them is an error of the sender. */
  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
  }

  /** What the bases cost, in the terms of the grant. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The records of a frame.
   * @throws MalformedError when the body has another form, its bases differ from ours or exceed the grant, or its
   * records exceed 16 MiB. The decoder cannot be used any more then.
   */
  decode(body: Uint8Array): DecodedRecord[] {
    const source = new Source(body);
    const records: DecodedRecord[] = [];
    while (source.reader.remaining > 0) {
      if (records.length === codedRecordsMax) {
        throw new MalformedError(`Cannot read more than ${codedRecordsMax} records`);
      }
      records.push(this.#decodeRecord(source));
    }
    return records;
  }

  #decodeRecord(source: Source): DecodedRecord {
    const { reader } = source;
    const count = reader.count(codedScrapeBytesMin);
    const summaries: ScrapeSummary[] = [];
    let into: ByteWriter | null = null;
    for (let index = 0; index < count; index++) {
      const mode = reader.u8();
      if ((mode & ~(3 | sampleTimesFlag | droppedFlag)) !== 0) {
        throw new MalformedError(`Cannot read scrape: mode ${mode}`);
      }
      if ((mode & droppedFlag) !== 0) this.#drop(reader);
      const { slot, timestampMs } = this.#readScrape(source, mode & 3);
      const sampleCount = slot.base.scales.length;
      const times = (mode & sampleTimesFlag) === 0 ? null : source.readTimes(sampleCount);
      source.readValues(slot.base);
      // With one scrape, as usual, the writer's buffer becomes the body, filled to its end.
      into ??= new ByteWriter(plainScrapeBytes(sampleCount, times?.length ?? 0) + varintBytes(count)).varint(count);
      writeScrape(into, slot, timestampMs, times);
      summaries.push({ targetId: slot.targetId, layoutId: slot.layoutId, timestampMs, sampleCount });
    }
    return { body: (into ?? new ByteWriter(1).varint(0)).release(), summaries };
  }

  #drop(reader: ByteReader): void {
    const count = reader.count(1);
    for (let index = 0; index < count; index++) {
      const number = reader.varint();
      const slot = this.#slots.get(number);
      if (slot === undefined) throw new MalformedError(`Cannot drop slot ${number}: it is empty`);
      this.#slots.delete(number);
      this.#bytes -= baseCostBytes(slot.base.scales.length);
    }
  }

  #readScrape(source: Source, mode: number): { readonly slot: Slot; readonly timestampMs: number } {
    switch (mode) {
      case codedMode.goesOn:
        return this.#goOn(source);
      case codedMode.kept:
        return this.#keep(source);
      case codedMode.transient: {
        const { head, count } = source.readHead();
        const slot = makeSlot(head, scratch.take(count));
        return { slot, timestampMs: slot.lastMs };
      }
      default:
        throw new MalformedError(`Cannot read scrape: mode ${mode}`);
    }
  }

  #goOn(source: Source): { readonly slot: Slot; readonly timestampMs: number } {
    const number = source.reader.varint();
    const slot = this.#slots.get(number);
    if (slot === undefined) throw new MalformedError(`Cannot read scrape: slot ${number} is empty`);
    source.allow(slot.base.scales.length);
    const timestampMs = slot.lastMs + slot.intervalMs + source.reader.signedVarint();
    if (!Number.isSafeInteger(timestampMs)) throw new MalformedError(`Cannot read scrape: its time is ${timestampMs}`);
    slot.intervalMs = timestampMs - slot.lastMs;
    slot.lastMs = timestampMs;
    return { slot, timestampMs };
  }

  #keep(source: Source): { readonly slot: Slot; readonly timestampMs: number } {
    const number = source.reader.varint();
    const { head, count } = source.readHead();
    const prior = this.#slots.get(number);
    const priorCount = prior?.base.scales.length ?? 0;
    const moves = source.readMoves(priorCount, count);
    const bytes = this.#bytes + baseCostBytes(count) - (prior === undefined ? 0 : baseCostBytes(priorCount));
    if (bytes > this.budgetBytes) {
      throw new MalformedError(`Cannot keep a base of ${count} samples: bases exceed ${this.budgetBytes} bytes`);
    }
    this.#bytes = bytes;
    const slot = makeSlot(head, prior === undefined ? makeBase(count) : moveBase(prior.base, count, moves));
    this.#slots.set(number, slot);
    return { slot, timestampMs: slot.lastMs };
  }
}

/** The body of a CODED frame, and what its records may still take. */
class Source {
  readonly reader: ByteReader;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #allowedBytes = frameBodyBytesMax;

  constructor(body: Uint8Array) {
    this.reader = new ByteReader(body);
    this.#bytes = body;
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  }

  /** Refuses a scrape with more samples than the body or a plain frame has room for: nothing was allocated for it. */
  allow(sampleCount: number): void {
    this.#spend(scrapeBytesMin + sampleCount * 8);
    if (codedBytesMin(sampleCount) <= this.reader.remaining) return;
    throw new MalformedError(`Cannot read ${sampleCount} samples: ${this.reader.remaining} bytes are left`);
  }

  readHead(): { readonly head: Uint8Array; readonly count: number } {
    const head = this.reader.raw(scrapeHeadBytes);
    const count = this.reader.varint();
    this.allow(count);
    return { head, count };
  }

  readMoves(fromCount: number, toCount: number): Moved[] {
    const number = this.reader.count(3);
    let end = 0;
    return Array.from({ length: number }, () => {
      const [from, to, count] = [this.reader.varint(), this.reader.varint(), this.reader.varint()];
      // In order and without overlap, so that all of them together cost no more than the base.
      if (to < end || from + count > fromCount || to + count > toCount) {
        throw new MalformedError(`Cannot move ${count} values from ${from} to ${to} of ${toCount}`);
      }
      end = to + count;
      return { from, to, count };
    });
  }

  readTimes(sampleCount: number): Uint8Array {
    const times = this.reader.raw(this.reader.varint());
    this.#spend(times.length);
    checkSampleTimes(times, sampleCount);
    return times;
  }

  /** @throws MalformedError when the base does not come out as the sender's. */
  readValues(base: ValueBase): void {
    const checksum = this.reader.u32() | 0;
    const from = this.reader.offset;
    this.reader.raw(decodeValues(base, this.#bytes, this.#view, from) - from);
    if (base.checksum === checksum) return;
    throw new MalformedError("Cannot read values: their checksum is another, so that the two ends' bases differ");
  }

  #spend(bytes: number): void {
    this.#allowedBytes -= bytes;
    if (this.#allowedBytes >= 0) return;
    throw new MalformedError(`Cannot read records: they exceed ${frameBodyBytesMax} bytes`);
  }
}

function makeSlot(head: Uint8Array, base: ValueBase): Slot {
  const reader = new ByteReader(head);
  return {
    ids: head.slice(0, 2 * contentIdBytes),
    targetId: readContentId(reader),
    layoutId: readContentId(reader),
    base,
    lastMs: timestampOf(head),
    intervalMs: 0,
  };
}

function writeScrape(into: ByteWriter, { ids, base }: Slot, timestampMs: number, times: Uint8Array | null): void {
  const { values } = base;
  into.raw(ids).i64(BigInt(timestampMs)).u8(times === null ? 0 : sampleTimesFlag);
  into.varint(values.length).varint(values.byteLength + (times?.length ?? 0)).float64s(values);
  if (times !== null) into.raw(times);
}
