import { constants, createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";

/** Receives a response body piece by piece and hands it on whole, within a bound on its decoded size. */
export interface BodyReader {
  /** Takes the next bytes as they came; false asks for a pause until `drain`. */
  push(chunk: Uint8Array): boolean;
  /** The body is complete. */
  end(): void;
  /** Nothing more is wanted; nothing more is called back. */
  destroy(): void;
}

export interface BodyHandlers {
  done(body: Uint8Array): void;
  /** The bound is exceeded; nothing follows. */
  exceeded(): void;
  fail(reason: string): void;
  drain(): void;
}

/** A body without content coding. */
export function plainBody(bytesMax: number, handlers: BodyHandlers): BodyReader {
  const buffer = new BoundedBuffer(bytesMax);
  let live = true;
  return {
    push(chunk) {
      if (live && !buffer.append(chunk)) {
        live = false;
        handlers.exceeded();
      }
      return true;
    },
    end() {
      if (live) handlers.done(buffer.bytes());
    },
    destroy() {
      live = false;
    },
  };
}

/**
 * A gzip body, decompressed as it arrives. The bound counts decompressed bytes and, since a stream of empty members
 * decompresses to nothing for ever, compressed ones too.
 */
export function gzipBody(bytesMax: number, handlers: BodyHandlers): BodyReader {
  return codedBody("gzip", createGunzip(), bytesMax, handlers);
}

/** What a stream may ask to remember while it is decompressed, as power of two: 8 MiB, as RFC 8878 recommends. */
const zstdWindowLogMax = 23;

/** A zstd body; bounded as gzip is, and in the memory that decompression takes too. */
export function zstdBody(bytesMax: number, handlers: BodyHandlers): BodyReader {
  const params = { [constants.ZSTD_d_windowLogMax]: zstdWindowLogMax };
  return codedBody("zstd", createZstdDecompress({ params }), bytesMax, handlers);
}

function codedBody(
  coding: string,
  decoder: Gunzip | ZstdDecompress,
  bytesMax: number,
  handlers: BodyHandlers,
): BodyReader {
  const buffer = new BoundedBuffer(bytesMax);
  let compressedBytes = 0;
  let live = true;
  const stop = (tell: () => void) => {
    if (!live) return;
    live = false;
    decoder.destroy();
    tell();
  };
  decoder.on("data", (chunk: Uint8Array) => {
    if (live && !buffer.append(chunk)) stop(() => handlers.exceeded());
  });
  decoder.on("error", (error) => stop(() => handlers.fail(`${coding}: ${error.message}`)));
  decoder.on("drain", () => {
    if (live) handlers.drain();
  });
  decoder.on("end", () => {
    if (!live) return;
    live = false;
    handlers.done(buffer.bytes());
  });
  return {
    push(chunk) {
      compressedBytes += chunk.length;
      if (compressedBytes > bytesMax) stop(() => handlers.exceeded());
      return live ? decoder.write(chunk) : true;
    },
    end() {
      if (live) decoder.end();
    },
    destroy() {
      live = false;
      decoder.destroy();
    },
  };
}

/** The reason that names target and limit, for a body that was counted or announced to be larger. */
export function bodyExceeds(bytesMax: number, address: string): string {
  return `body exceeds ${bytesMax} bytes, which is limits.bodyBytes of ${address}`;
}

const initialBytes = 16 * 1024;

/** One growing buffer, so that a body in tiny pieces costs no more than one in large ones. */
class BoundedBuffer {
  readonly #bytesMax: number;
  #bytes = new Uint8Array(0);
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** False when the chunk does not fit any more; nothing of it is kept then. */
  append(chunk: Uint8Array): boolean {
    const needed = this.#length + chunk.length;
    if (needed > this.#bytesMax) return false;
    if (needed > this.#bytes.length) {
      const capacity = Math.max(needed, this.#bytes.length * 2, initialBytes);
      const larger = new Uint8Array(Math.min(capacity, this.#bytesMax));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = needed;
    return true;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
