import { encodeFrame, type Frame, FrameType } from "../../core/protocol/frame.ts";
import { FrameReader } from "../../core/protocol/frame_reader.ts";
import type { ClientTls, Connection, SocketAddress } from "../../core/runtime/env.ts";
import { systemNetwork } from "../../core/runtime/system_net.ts";

const typeNames = new Map(Object.entries(FrameType).map(([name, type]) => [type as number, name]));

/** A peer of the exporter over a real socket, which keeps what it receives. */
export class TestClient {
  readonly received: Frame[] = [];
  readonly closed: Promise<void>;
  readonly #connection: Connection;
  readonly #reader = new FrameReader();
  #onFrame: () => void = () => {};
  #isClosed = false;

  constructor(address: SocketAddress, tls?: ClientTls) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#connection = systemNetwork.connect(address, {
      data: (bytes) => {
        this.#reader.push(bytes, (frame) => this.received.push({ ...frame, body: new Uint8Array(frame.body) }));
        this.#onFrame();
      },
      close: () => {
        this.#isClosed = true;
        this.#onFrame();
        resolve();
      },
    }, tls);
  }

  send(...frames: readonly Frame[]): void {
    for (const frame of frames) this.write(encodeFrame(frame));
  }

  write(bytes: Uint8Array): void {
    this.#connection.write(bytes);
  }

  /** Waits for `count` frames and returns them all, one line each: `ack 3`. */
  async frames(count: number): Promise<string[]> {
    while (this.received.length < count) {
      if (this.#isClosed) throw new Error(`Closed after ${this.received.length} of ${count} frames`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onFrame = resolve;
      await promise;
    }
    return this.received.map(({ type, id }) => `${typeNames.get(type)} ${id}`);
  }

  destroy(): void {
    this.#connection.destroy();
  }
}
