import { encodeFrame, frameBodyBytesMax, FrameError, FrameType, toNanoseconds } from "../../core/protocol/frame.ts";
import { FrameReader } from "../../core/protocol/frame_reader.ts";
import { encodeSessionError } from "../../core/protocol/session.ts";
import type { Connection, ConnectionHandlers } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Origin } from "../wal/wal.ts";
import { increment, type IngestCounters } from "./counters.ts";
import { closingMaxMs, helloBytesMax } from "./limits.ts";
import { step } from "./session.ts";
import {
  type CloseEffect,
  isThrottled,
  openSession,
  type SessionContext,
  type SessionEffect,
  type SessionEvent,
  type SessionState,
} from "./session_state.ts";

/** What a connection needs of the server that it belongs to. */
export interface ConnectionHost {
  readonly context: SessionContext;
  readonly counters: IngestCounters;
  readonly log: Logger;
  monotonicMs(): number;
  wallMs(): number;
  /** Claims the identity; answers by an event `registered` or `refused`. */
  register(connection: ClientConnection, origin: Origin): void;
  append(connection: ClientConnection, effect: Extract<SessionEffect, { type: "append" }>): void;
  /** The bytes that the connection holds of an incomplete frame have changed by so many. */
  held(connection: ClientConnection, deltaBytes: number): void;
  /** A piece of data, and all frames that it completed, has been worked off. */
  dataTaken(): void;
  /** The conversation has ended; the socket may stay a little longer. */
  ended(connection: ClientConnection): void;
  /** The socket is gone. */
  gone(connection: ClientConnection): void;
}

/** The shell of one connection: feeds bytes and events to the state machine and does what that wants done. */
export class ClientConnection {
  readonly state: SessionState;
  readonly #host: ConnectionHost;
  readonly #socket: Connection;
  readonly #reader = new FrameReader();
  #reading = true;
  #heldBytes = 0;
  /** When the socket is destroyed although the peer has not closed its side; null before the end. */
  #destroyAtMs: number | null = null;

  constructor(host: ConnectionHost, socket: Connection) {
    this.#host = host;
    this.#socket = socket;
    this.state = openSession(host.context, host.monotonicMs(), socket.peer);
    // Who has to say who they are is given no more room before than that takes.
    if (host.context.access.required) this.#reader.bodyBytesMax = helloBytesMax;
  }

  handlers(): ConnectionHandlers {
    return {
      data: (bytes) => this.#onData(bytes),
      drain: () => this.dispatch({ type: "unblocked" }),
      close: (error) => this.#onClose(error),
    };
  }

  /** Bytes of records that the collector has not got an acknowledgement for. */
  get unacknowledgedBytes(): number {
    return this.state.pending.bytes;
  }

  dispatch(event: SessionEvent): void {
    for (const effect of step(this.state, event, this.#host.monotonicMs())) this.#perform(effect);
    this.#updateReading();
  }

  /** Called about every second. */
  tick(): void {
    if (this.#destroyAtMs !== null && this.#host.monotonicMs() >= this.#destroyAtMs) this.#socket.destroy();
    else this.dispatch({ type: "tick" });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  get #isOpen(): boolean {
    return this.state.phase !== "closed";
  }

  #onData(bytes: Uint8Array): void {
    // After the end the peer's last bytes are read, so that it gets ours before a reset, and dropped.
    if (!this.#isOpen) return;
    this.#host.counters.bytes += bytes.length;
    this.dispatch({ type: "received" });
    try {
      this.#reader.push(bytes, (frame) => {
        if (!this.#isOpen) return;
        this.#host.counters.countFrame(frame.type);
        this.dispatch({ type: "frame", frame });
        this.#reader.bodyBytesMax = frameBodyBytesMax;
      });
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.dispatch({ type: "broken", reason: error.reason, message: error.message });
    }
    if (this.#isOpen) this.#setHeld(this.#reader.pendingBytes);
    this.#host.dataTaken();
  }

  #onClose(error: Error | null): void {
    if (this.#isOpen) {
      this.dispatch({ type: "gone" });
      this.#setHeld(0);
      increment(this.#host.counters.closed, "peer_closed");
      this.#host.log.debug({ ...this.#who(), reason: error?.message ?? "closed by the peer" }, "connection closed");
      this.#host.ended(this);
    }
    this.#host.gone(this);
  }

  #perform(effect: SessionEffect): void {
    switch (effect.type) {
      case "send":
        this.#send(effect.frameType, effect.id, effect.body);
        break;
      case "register":
        this.#host.register(this, effect.origin);
        break;
      case "welcomed": {
        const { resumePoint, expected } = effect;
        this.#host.log.info({ ...this.#who(), resumePoint, expected }, "collector connected");
        break;
      }
      case "append":
        this.#host.append(this, effect);
        break;
      case "skip":
        if (effect.why === "duplicate") this.#host.counters.duplicates++;
        else this.#host.counters.rewound++;
        break;
      case "forged":
        this.#host.counters.forged++;
        this.#host.log.warn({ ...this.#who(), reason: effect.message }, "record refused");
        break;
      case "close":
        this.#close(effect);
        break;
    }
  }

  #close({ reason, message, errorCode }: CloseEffect): void {
    increment(this.#host.counters.closed, reason);
    const expected = reason === "draining" || reason === "replaced";
    this.#host.log[expected ? "info" : "warn"]({ ...this.#who(), reason, message }, "connection closed");
    if (errorCode === null) {
      this.#socket.destroy();
    } else {
      this.#send(FrameType.error, 0n, encodeSessionError({ code: errorCode, message }));
      this.#socket.end();
      this.#destroyAtMs = this.#host.monotonicMs() + closingMaxMs;
    }
    this.#setHeld(0);
    this.#host.ended(this);
  }

  #setHeld(bytes: number): void {
    const delta = bytes - this.#heldBytes;
    this.#heldBytes = bytes;
    if (delta !== 0) this.#host.held(this, delta);
  }

  #send(type: number, id: bigint, body: Uint8Array): void {
    const bytes = encodeFrame({ type, id, timestampNs: toNanoseconds(this.#host.wallMs()), body });
    if (!this.#socket.write(bytes)) this.dispatch({ type: "blocked" });
  }

  #updateReading(): void {
    const { phase, paused, blockedSinceMs } = this.state;
    const reading = phase === "closed" || (!paused && blockedSinceMs === null && !isThrottled(this.state));
    if (reading === this.#reading) return;
    this.#reading = reading;
    if (reading) this.#socket.resume();
    else this.#socket.pause();
  }

  #who(): Record<string, unknown> {
    const { origin } = this.state;
    const remote = this.#socket.remote;
    if (origin === null) return { remote };
    const { cluster, namespace, name, epoch } = origin;
    return { remote, collector: `${cluster}/${namespace}/${name}`, epoch: epoch.toString() };
  }
}
