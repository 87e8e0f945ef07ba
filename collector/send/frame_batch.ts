import { ByteWriter } from "../../core/protocol/bytes.ts";
import { codedRecordsMax } from "../../core/protocol/coded_scrapes.ts";
import {
  type Frame,
  frameBodyBytesMax,
  frameHeaderBytes,
  FrameType,
  writeFrameHeader,
} from "../../core/protocol/frame.ts";

/** A CODED frame ends with the record that takes it past this. */
const codedBytesEnough = 64 * 1024;
const initialBytes = 4096;
/** Room that is kept from one batch to the next. */
const keptBytesMax = 1024 * 1024;

/** Frames that leave in one write: copying them costs less than the system call that each would take by itself. */
export class FrameBatch {
  #writer = new ByteWriter(initialBytes);
  #frameCount = 0;
  /** The CODED frame that is being written, at the end; null when there is none. */
  #coded: { readonly at: number; readonly id: bigint; readonly timestampNs: bigint } | null = null;
  #codedRecords = 0;
  #codedPlainBytes = 0;

  get frameCount(): number {
    return this.#frameCount;
  }

  /** Length of what {@link take} returns. */
  get bytes(): number {
    return this.#writer.length;
  }

  add({ type, id, timestampNs, body }: Frame): void {
    this.#endCoded();
    this.#beginFrame();
    this.#writer.raw(body);
    this.#writeHeader(this.#writer.length - body.length - frameHeaderBytes, type, id, timestampNs);
  }

  /**
   * Adds a record of SCRAPES, which `encode` appends in its coded form, to the CODED frame that is being written, or to
   * a new one. Records with consecutive sequences, and nothing between, must follow each other.
   */
  addCoded({ id, timestampNs, body }: Omit<Frame, "type">, encode: (into: ByteWriter) => void): void {
    const isFull = this.#coded !== null && (
      this.#codedRecords === codedRecordsMax || this.#codedPlainBytes + body.length > frameBodyBytesMax
      || this.#writer.length - this.#coded.at > codedBytesEnough
    );
    if (isFull) this.#endCoded();
    if (this.#coded === null) {
      this.#coded = { at: this.#writer.length, id, timestampNs };
      this.#codedRecords = 0;
      this.#codedPlainBytes = 0;
      this.#beginFrame();
    }
    this.#codedRecords++;
    this.#codedPlainBytes += body.length;
    encode(this.#writer);
  }

  /** Header and body of each frame, in the order in which they were added. The batch is empty then. */
  take(): Uint8Array<ArrayBuffer> {
    this.#endCoded();
    const bytes = this.#writer.finish();
    if (bytes.length > keptBytesMax) this.#writer = new ByteWriter(initialBytes);
    else this.#writer.endAt(0);
    this.#frameCount = 0;
    return bytes;
  }

  #beginFrame(): void {
    this.#frameCount++;
    this.#writer.room(frameHeaderBytes);
    this.#writer.endAt(this.#writer.length + frameHeaderBytes);
  }

  #endCoded(): void {
    if (this.#coded === null) return;
    const { at, id, timestampNs } = this.#coded;
    this.#coded = null;
    this.#writeHeader(at, FrameType.coded, id, timestampNs);
  }

  /** The header of the last frame, which begins at `at`. */
  #writeHeader(at: number, type: number, id: bigint, timestampNs: bigint): void {
    const frame = this.#writer.view().subarray(at);
    writeFrameHeader(frame, { type, id, timestampNs, bodyBytes: frame.length - frameHeaderBytes });
  }
}
