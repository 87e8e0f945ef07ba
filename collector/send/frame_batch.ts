import { type Frame, frameHeaderBytes, writeFrameHeader } from "../../core/protocol/frame.ts";

/** Frames that leave in one write: copying them costs less than the system call that each would take by itself. */
export class FrameBatch {
  readonly #frames: Frame[] = [];
  #bytes = 0;

  get frameCount(): number {
    return this.#frames.length;
  }

  /** Length of what {@link concatenate} returns. */
  get bytes(): number {
    return this.#bytes;
  }

  add(frame: Frame): void {
    this.#frames.push(frame);
    this.#bytes += frameHeaderBytes + frame.body.length;
  }

  /** Header and body of each frame, in the order in which they were added. */
  concatenate(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#bytes);
    let offset = 0;
    for (const { type, id, timestampNs, body } of this.#frames) {
      writeFrameHeader(bytes.subarray(offset), { type, id, timestampNs, bodyBytes: body.length });
      bytes.set(body, offset + frameHeaderBytes);
      offset += frameHeaderBytes + body.length;
    }
    return bytes;
  }
}
