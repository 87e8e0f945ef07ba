import type { FileHandle } from "../../../core/runtime/env.ts";
import { itemChecksum, itemHeaderBytes, payloadBytesMax, segmentHeaderBytes } from "./format.ts";

export interface Item {
  readonly kind: number;
  /** Belongs to the caller. */
  readonly payload: Uint8Array;
}

const chunkBytes = 256 * 1024;

/** Reads the items of one segment in order, and passes over damaged ones. */
export class ItemReader {
  readonly #handle: FileHandle;
  #position = segmentHeaderBytes;
  #buffer: Uint8Array = new Uint8Array(0);
  #bufferAt = 0;
  /** Where the last good item ends. */
  goodBytes: number = segmentHeaderBytes;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** The next good item that ends at or before `limitBytes` of the file; null when there is none (yet). */
  async next(limitBytes: number): Promise<Item | null> {
    for (;;) {
      // Most items are in the buffer, where waiting for a promise would cost more than reading them.
      const headerAt = this.#position;
      if (headerAt + itemHeaderBytes > limitBytes) return null;
      const header = this.#buffered(headerAt, itemHeaderBytes)
        ?? await this.#load(headerAt, itemHeaderBytes, limitBytes);
      if (header === null) return null;
      const view = new DataView(header.buffer, header.byteOffset, itemHeaderBytes);
      const [length, checksum, kind] = [view.getUint32(0), view.getUint32(4), view.getUint8(8)];
      if (length > payloadBytesMax) return null;
      const payloadAt = headerAt + itemHeaderBytes;
      if (payloadAt + length > limitBytes) return null;
      const payload = this.#buffered(payloadAt, length) ?? await this.#load(payloadAt, length, limitBytes);
      if (payload === null) return null;
      this.#position += itemHeaderBytes + length;
      if (itemChecksum(kind, payload) !== checksum) continue;
      this.goodBytes = this.#position;
      return { kind, payload: payload.slice() };
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  #buffered(at: number, count: number): Uint8Array | null {
    const offset = at - this.#bufferAt;
    return offset < 0 || offset + count > this.#buffer.length ? null : this.#buffer.subarray(offset, offset + count);
  }

  /** A view of bytes of the file, or null when they go beyond the limit. */
  async #load(at: number, count: number, limitBytes: number): Promise<Uint8Array | null> {
    if (at + count > limitBytes) return null;
    const fresh = new Uint8Array(Math.max(count, Math.min(chunkBytes, limitBytes - at)));
    const got = await this.#handle.read(fresh, at);
    this.#buffer = fresh.subarray(0, got);
    this.#bufferAt = at;
    return this.#buffered(at, count);
  }
}
