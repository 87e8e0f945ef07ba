/** A body that is not taken; the message and the HTTP status are for its sender. */
export class BodyError extends Error {
  override name = "BodyError";
  readonly status: 400 | 413 | 415 | 503;

  constructor(status: 400 | 413 | 415 | 503, message: string) {
    super(message);
    this.status = status;
  }
}

export interface BodyLimits {
  /** Of one body, as it comes and after decompression. */
  readonly bodyBytesMax: number;
  /** Of all bodies that are being read. */
  readonly totalBytesMax: number;
}

/** Reads request bodies, plain or gzip, within bounds that hold whatever their headers say. */
export class BodyReader {
  readonly #limits: BodyLimits;
  #heldBytes = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** @throws BodyError when it is too large, cannot be decoded, or there are too many at once. */
  async read(request: Request): Promise<Uint8Array<ArrayBuffer>> {
    const encoding = (request.headers.get("content-encoding") ?? "identity").trim().toLowerCase();
    if (encoding !== "identity" && encoding !== "gzip") {
      throw new BodyError(415, `content-encoding "${encoding.slice(0, 50)}" is not supported; use gzip or none`);
    }
    const { bodyBytesMax } = this.#limits;
    if (Number(request.headers.get("content-length") ?? 0) > bodyBytesMax) throw tooLarge(bodyBytesMax);
    if (request.body === null) return new Uint8Array(0);
    const counted = request.body.pipeThrough(limitBytes(bodyBytesMax));
    return await this.#collect(encoding === "gzip" ? counted.pipeThrough(new DecompressionStream("gzip")) : counted);
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
    const { bodyBytesMax, totalBytesMax } = this.#limits;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    try {
      for await (const chunk of chunksOf(stream)) {
        bytes += chunk.length;
        this.#heldBytes += chunk.length;
        if (bytes > bodyBytesMax) throw tooLarge(bodyBytesMax);
        if (this.#heldBytes > totalBytesMax) throw new BodyError(503, "too much is being received at once");
        chunks.push(chunk);
      }
    } finally {
      this.#heldBytes -= bytes;
    }
    const whole = new Uint8Array(bytes);
    let offset = 0;
    for (const chunk of chunks) {
      whole.set(chunk, offset);
      offset += chunk.length;
    }
    return whole;
  }
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    if (error instanceof BodyError) throw error;
    throw new BodyError(400, "the body cannot be read: it is cut off, or no gzip");
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

function limitBytes(bytesMax: number): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > bytesMax) controller.error(tooLarge(bytesMax));
      else controller.enqueue(chunk);
    },
  });
}

function tooLarge(bytesMax: number): BodyError {
  return new BodyError(413, `the body exceeds ${bytesMax} bytes`);
}
