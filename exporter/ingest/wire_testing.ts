import { encodeFrame, type Frame, FrameType } from "../../core/protocol/frame.ts";
import { FrameReader } from "../../core/protocol/frame_reader.ts";
import type { Connection, ConnectionHandlers, Env, Network } from "../../core/runtime/env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { FakeWal } from "./fake_wal_testing.ts";
import { type Ingest, type IngestOptions, startIngest } from "./server.ts";
import { frame, helloFrame, lostFrame, scrapesFrame, shapeFrames } from "./session_testing.ts";

/** The exporter's end over a network in memory, where a test moves every byte and tells the time. */
export class Wire {
  readonly wal = new FakeWal();
  nowMs = 1000;
  #accept: (connection: Connection) => ConnectionHandlers = () => ({ data() {}, close() {} });
  #timers: { atMs: number; run: () => void }[] = [];
  #ingest: Ingest | null = null;

  static async open(changes: Partial<IngestOptions> = {}): Promise<Wire> {
    const wire = new Wire();
    const log = makeLogger("exporter", "silent");
    const address = { host: "127.0.0.1", port: 1 };
    const base = { env: wire.#env(), log, metrics: new Registry(), wal: wire.wal, address, exporter: "exporter-0" };
    wire.#ingest = await startIngest({ ...base, ...changes });
    return wire;
  }

  get ingest(): Ingest {
    if (this.#ingest === null) throw new Error("The wire is open");
    return this.#ingest;
  }

  connect(): WireClient {
    return new WireClient((connection) => this.#accept(connection));
  }

  /** Runs what is due after so long, in order. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.nowMs = next.atMs;
      next.run();
    }
    this.nowMs = endMs;
  }

  #env(): Pick<Env, "clock" | "net"> {
    const net: Network = {
      connect: () => {
        throw new Error("The exporter connects to nobody");
      },
      listen: (address, accept) => {
        this.#accept = accept;
        return Promise.resolve({ address, close: () => Promise.resolve(), renewTls() {} });
      },
    };
    const after = (delayMs: number, run: () => void) => {
      const timer = { atMs: this.nowMs + delayMs, run };
      this.#timers.push(timer);
      return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
    };
    return { clock: { wallMs: () => this.nowMs, monotonicMs: () => this.nowMs, after }, net };
  }
}

/** A peer whose bytes arrive as a test says. */
export class WireClient {
  readonly received: Frame[] = [];
  /** The exporter has ended its side. */
  ended = false;
  paused = false;
  readonly #handlers: ConnectionHandlers;
  readonly #reader = new FrameReader();

  constructor(accept: (connection: Connection) => ConnectionHandlers) {
    this.#handlers = accept({
      remote: "test",
      peer: null,
      unsentBytes: () => 0,
      write: (bytes) => {
        this.#reader.push(bytes, (one) => this.received.push({ ...one, body: new Uint8Array(one.body) }));
        return true;
      },
      pause: () => void (this.paused = true),
      resume: () => void (this.paused = false),
      end: () => void (this.ended = true),
      destroy: () => void (this.ended = true),
    });
  }

  write(bytes: Uint8Array): void {
    this.#handlers.data(bytes);
  }

  send(...frames: readonly Frame[]): void {
    for (const one of frames) this.write(encodeFrame(one));
  }

  cut(): void {
    this.#handlers.close(null);
  }

  /** The highest id among the frames of a type, 0 without one. */
  highest(type: number): number {
    return Math.max(0, ...this.received.filter((one) => one.type === type).map(({ id }) => Number(id)));
  }
}

/** What a small collector sends, with the first sequence of each record: all kinds of frames. */
export const sessionRecords: readonly { readonly sequence: number; readonly frame: Frame }[] = [
  { sequence: 1, frame: scrapesFrame(1) },
  { sequence: 2, frame: frame(FrameType.record, 7, new TextEncoder().encode("{}")) },
  { sequence: 3, frame: lostFrame(3, 5) },
  { sequence: 6, frame: scrapesFrame(6) },
  { sequence: 7, frame: frame(FrameType.blueKing, 7, new TextEncoder().encode("{}")) },
  { sequence: 8, frame: scrapesFrame(8) },
];

/** A whole session from HELLO on, as one stream. */
export function sessionBytes(): Uint8Array {
  const records = sessionRecords.map((one) => one.frame);
  return Buffer.concat([helloFrame(), ...shapeFrames, frame(FrameType.heartbeat, 0), ...records].map(encodeFrame));
}

/** One line for each record of the log, in order: `scrapes 1`, `lost 3-5`. */
export function logged(wal: FakeWal): string[] {
  return wal.records.map((record) =>
    record.kind === "lost"
      ? `lost ${record.lost.firstSequence}-${record.lost.lastSequence}`
      : `${record.kind} ${record.sequence}`
  );
}

export const wholeLog = ["scrapes 1", "opaque 2", "lost 3-5", "scrapes 6", "opaque 7", "scrapes 8"];
