import { encodeFrame, type Frame, FrameType } from "../../core/protocol/frame.ts";
import { FrameReader } from "../../core/protocol/frame_reader.ts";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { decodeCredit, decodeSessionError, decodeWelcome, encodeHello } from "../../core/protocol/session.ts";
import type { Connection, SocketAddress } from "../../core/runtime/env.ts";
import { systemNetwork } from "../../core/runtime/system_net.ts";
import { makeValues, type Workload } from "./workload.ts";

const frameIdOffset = 16;
/** Frames that are written at once. */
const writeBytes = 256 * 1024;
/** How often it is looked whether the pace allows more. */
const paceMs = 20;

/**
 * A collector that sends at a given pace, or as much as it is allowed to: the real protocol, but frames that were encoded before, one for
 * each target. Only their numbers change, so that it costs little.
 */
export class LoadCollector {
  readonly #connection: Connection;
  readonly #reader = new FrameReader();
  readonly #shapes: readonly Uint8Array[];
  readonly #frames: readonly Uint8Array[];
  readonly #samplesPerFrame: number;
  readonly #framesPerMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #startedMs = performance.now();
  readonly #failed = Promise.withResolvers<never>();
  /** The bytes of what was sent and is not acknowledged. */
  readonly #unacknowledged: number[] = [];
  #unacknowledgedBytes = 0;
  #windowBytes = 0;
  #sequence = 0;
  #acknowledged = 0;
  #stopped = false;

  /** `samplesPerSecond` is infinite for as much as the exporter allows. */
  constructor(
    address: SocketAddress,
    ordinal: number,
    workload: Workload,
    seriesCount: number,
    samplesPerSecond: number,
  ) {
    this.#framesPerMs = samplesPerSecond / seriesCount / 1000;
    this.#timer = setInterval(() => this.#send(), paceMs);
    this.#frames = scrapeFrames(workload, seriesCount);
    this.#shapes = shapeFrames(workload);
    this.#samplesPerFrame = seriesCount;
    this.#connection = systemNetwork.connect(address, {
      data: (bytes) => this.#reader.push(bytes, (frame) => this.#receive(frame)),
      drain: () => this.#send(),
      close: (error) => this.#failed.reject(error ?? new Error("The exporter closed the connection")),
    });
    const identity = { cluster: "BCS-K8S-00001", namespace: "shop", name: `bcs-collector-shop-${ordinal}` };
    const hello = encodeHello({ ...identity, epoch: 1n, nextSequence: 1, token: "" });
    this.#connection.write(encodeFrame(frameOf(FrameType.hello, hello)));
  }

  /** Rejects when the exporter ends the session; never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Samples that are durable. */
  get acknowledgedSamples(): number {
    return this.#acknowledged * this.#samplesPerFrame;
  }

  get acknowledgedRecords(): number {
    return this.#acknowledged;
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#failed.promise.catch(() => {});
    this.#connection.destroy();
  }

  #receive({ type, id, body }: Frame): void {
    switch (type) {
      case FrameType.welcome:
        this.#windowBytes = decodeWelcome(body).windowBytes;
        for (const shape of this.#shapes) this.#connection.write(shape);
        break;
      case FrameType.credit:
        this.#windowBytes = decodeCredit(body);
        break;
      case FrameType.ack:
        for (; this.#acknowledged < Number(id); this.#acknowledged++) {
          this.#unacknowledgedBytes -= this.#unacknowledged.shift() ?? 0;
        }
        break;
      case FrameType.heartbeat:
        return;
      default: {
        const why = type === FrameType.error ? decodeSessionError(body).message : `it sent a frame of type ${type}`;
        this.#failed.reject(new Error(`Cannot go on with the exporter: ${why}`));
        this.#connection.destroy();
        return;
      }
    }
    this.#send();
  }

  /** As many frames as the window, the socket and the pace allow. */
  #send(): void {
    const sequenceMax = (performance.now() - this.#startedMs) * this.#framesPerMs;
    while (!this.#stopped && this.#connection.unsentBytes() < writeBytes) {
      const chunk: Uint8Array[] = [];
      for (let bytes = 0; bytes < writeBytes;) {
        const frame = this.#frames[this.#sequence % this.#frames.length] as Uint8Array;
        if (this.#sequence >= sequenceMax || this.#unacknowledgedBytes + frame.length > this.#windowBytes) break;
        new DataView(frame.buffer, frame.byteOffset).setBigInt64(frameIdOffset, BigInt(++this.#sequence));
        this.#unacknowledged.push(frame.length);
        this.#unacknowledgedBytes += frame.length;
        bytes += frame.length;
        // What is written must not change, and this frame will.
        chunk.push(frame.slice());
      }
      if (chunk.length === 0) return;
      this.#connection.write(Buffer.concat(chunk));
    }
  }
}

function shapeFrames({ blocks, layouts, targets }: Workload): Uint8Array[] {
  return [
    ...[...blocks.flat(), ...layouts].map(({ body }) => encodeFrame(frameOf(FrameType.schema, body))),
    ...targets.map(({ body }) => encodeFrame(frameOf(FrameType.target, body))),
  ];
}

function scrapeFrames({ targets, layouts }: Workload, seriesCount: number): Uint8Array[] {
  return targets.map(({ shape }, index) => {
    const layout = layouts[index % layouts.length]!.shape;
    const values = makeValues(seriesCount, index);
    const timestampMs = Date.now();
    const scrape = { targetId: shape.id, layoutId: layout.id, timestampMs, values, sampleTimesMs: null };
    return encodeFrame(frameOf(FrameType.scrapes, encodeScrapes([scrape])));
  });
}

function frameOf(type: number, body: Uint8Array): Frame {
  return { type, id: 0n, timestampNs: BigInt(Date.now()) * 1_000_000n, body };
}
