import {
  checkFrameMagic,
  type Frame,
  frameBodyBytesMax,
  type FrameHeader,
  frameHeaderBytes,
  frameMagicBytes,
  readFrameHeader,
} from "./frame.ts";

/**
 * Cuts a byte stream into frames, however it was split on the way.
 *
 * A header is checked before anything is allocated for its body, and a body's buffer grows with the bytes that
 * really arrive, so that a peer which only announces 16 MiB costs nothing.
 */
export class FrameReader {
  /**
   * Bytes that a body may have, at most 16 MiB. It may be changed between two frames, in `onFrame` too: a stranger is
   * given less room than somebody who is known.
   */
  bodyBytesMax = frameBodyBytesMax;
  #pending: Uint8Array = new Uint8Array(0);
  #pendingBytes = 0;

  /** Bytes of an incomplete frame that are held. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /**
   * Takes the next bytes of the stream and hands each frame that they complete to `onFrame`.
   * A frame's body may be a view of `bytes`: it is valid only during the call.
   * @throws FrameError when the stream holds something else than frames; it cannot be read any further then.
   */
  push(bytes: Uint8Array, onFrame: (frame: Frame) => void): void {
    let offset = 0;
    if (this.#pendingBytes > 0) {
      offset = this.#completePending(bytes, onFrame);
      if (this.#pendingBytes > 0) return;
    }
    while (bytes.length - offset >= frameHeaderBytes) {
      const header = readFrameHeader(bytes, offset, this.bodyBytesMax);
      const end = offset + frameHeaderBytes + header.bodyBytes;
      if (end > bytes.length) break;
      onFrame(frameOf(header, bytes.subarray(offset + frameHeaderBytes, end)));
      offset = end;
    }
    if (offset < bytes.length) this.#hold(bytes.subarray(offset));
  }

  /** Returns how many of the bytes went into the frame that had begun before. */
  #completePending(bytes: Uint8Array, onFrame: (frame: Frame) => void): number {
    let used = 0;
    if (this.#pendingBytes < frameHeaderBytes) {
      used = Math.min(frameHeaderBytes - this.#pendingBytes, bytes.length);
      this.#hold(bytes.subarray(0, used));
      if (this.#pendingBytes < frameHeaderBytes) return used;
    }
    const header = readFrameHeader(this.#pending, 0, this.bodyBytesMax);
    const wanted = frameHeaderBytes + header.bodyBytes - this.#pendingBytes;
    const taken = Math.min(wanted, bytes.length - used);
    this.#hold(bytes.subarray(used, used + taken));
    used += taken;
    if (taken === wanted) {
      const body = this.#pending.subarray(frameHeaderBytes, frameHeaderBytes + header.bodyBytes);
      this.#pending = new Uint8Array(0);
      this.#pendingBytes = 0;
      onFrame(frameOf(header, body));
    }
    return used;
  }

  #hold(bytes: Uint8Array): void {
    const needed = this.#pendingBytes + bytes.length;
    if (needed > this.#pending.length) {
      const larger = new Uint8Array(Math.max(needed, this.#pending.length * 2, 4096));
      larger.set(this.#pending.subarray(0, this.#pendingBytes));
      this.#pending = larger;
    }
    this.#pending.set(bytes, this.#pendingBytes);
    this.#pendingBytes = needed;
    // A stranger that says less than a header and then waits for an answer is told at once.
    if (needed >= frameMagicBytes && needed < frameHeaderBytes) checkFrameMagic(this.#pending);
  }
}

function frameOf(header: FrameHeader, body: Uint8Array): Frame {
  return { type: header.type, id: header.id, timestampNs: header.timestampNs, body };
}
