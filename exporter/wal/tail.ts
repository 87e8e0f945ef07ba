import { ByteWriter } from "../../core/protocol/bytes.ts";

/** The bytes of one group that was written, as they stand in its segment from `offset` on: whole records. */
export interface TailPart {
  readonly segment: number;
  readonly offset: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

interface Kept extends TailPart {
  readonly writer: ByteWriter;
  /** Readers that hold views of it. */
  pins: number;
  isGone: boolean;
}

const writerBytes = 16 * 1024;
/** A buffer that grew beyond it is not used again: most groups would leave it empty. */
const reusedBytesMax = 4 * 1024 * 1024;
/** Buffers that wait for their next group. */
const sparesMax = 8;

/**
 * The newest groups of the log, kept in memory within a budget, so that sinks that keep up read nothing from the disk.
 * Their buffers serve again once no reader holds them: fresh ones for each group, a megabyte a second under load, made
 * the runtime collect its whole heap every two seconds.
 */
export class Tail {
  readonly #bytesMax: number;
  /** Oldest first. */
  readonly #parts: Kept[] = [];
  readonly #spares: ByteWriter[] = [];
  #bytes = 0;

  /** `bytesMax` bounds the buffers of the parts; 0 keeps none. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of memory that the parts take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** An empty buffer for the next group. */
  takeWriter(): ByteWriter {
    return this.#spares.pop() ?? new ByteWriter(writerBytes);
  }

  /** Takes a group that is durable, with its buffer. */
  add(segment: number, offset: number, writer: ByteWriter): void {
    const bytes = writer.view();
    this.#parts.push({ segment, offset, end: offset + bytes.length, bytes, writer, pins: 0, isGone: false });
    this.#bytes += capacityOf(writer);
    while (this.#bytes > this.#bytesMax) this.#forgetOldest();
  }

  /** The part with the byte at `offset` of a segment, to be given back by {@link unpin}; null when it is not kept. */
  pin(segment: number, offset: number): TailPart | null {
    // Readers that keep up want one of the newest.
    for (let index = this.#parts.length - 1; index >= 0; index--) {
      const part = this.#parts[index] as Kept;
      if (part.segment < segment || part.segment === segment && part.end <= offset) return null;
      if (part.segment !== segment || part.offset > offset) continue;
      part.pins++;
      return part;
    }
    return null;
  }

  /** No view of the part is used any more. */
  unpin(part: TailPart): void {
    const kept = part as Kept;
    kept.pins--;
    if (kept.isGone && kept.pins === 0) this.#reuse(kept.writer);
  }

  #forgetOldest(): void {
    const oldest = this.#parts.shift();
    if (oldest === undefined) return;
    this.#bytes -= capacityOf(oldest.writer);
    oldest.isGone = true;
    if (oldest.pins === 0) this.#reuse(oldest.writer);
  }

  #reuse(writer: ByteWriter): void {
    if (this.#spares.length >= sparesMax || capacityOf(writer) > reusedBytesMax) return;
    writer.endAt(0);
    this.#spares.push(writer);
  }
}

function capacityOf(writer: ByteWriter): number {
  return writer.room(0).byteLength;
}
