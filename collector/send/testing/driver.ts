import { type Frame, FrameType } from "../../../core/protocol/frame.ts";
import { FrameReader } from "../../../core/protocol/frame_reader.ts";
import { encodeCredit, encodeSessionError, encodeUnknown, encodeWelcome } from "../../../core/protocol/session.ts";
import type { ContentId } from "../../../core/protocol/shape.ts";
import type { ExporterAddress } from "../addresses.ts";
import type { OutboundRecord } from "../outbox.ts";
import {
  type Effect,
  makeSenderState,
  type Note,
  type RecoveredStretch,
  type SenderEvent,
  type SenderState,
} from "../sender_state.ts";
import { step } from "../step.ts";

export const identity = { cluster: "c1", namespace: "shop", name: "bcs-collector-shop-0" };

/** Takes a sender's state machine through a script, with a connection that takes bytes at once unless told otherwise. */
export class Driver {
  readonly state: SenderState;
  readonly connects: string[] = [];
  readonly notes: Note[] = [];
  readonly closes: string[] = [];
  /** The frames of each write since the last {@link takeWrites}. */
  writes: Frame[][] = [];
  nowMs = 0;
  takesBytes = true;
  #reader = new FrameReader();
  #timerAtMs: number | null = null;

  /** `random` answers each question for chance in turn; 0.5 afterwards. */
  constructor(options: { budgetBytes?: number; random?: number[]; recovered?: readonly RecoveredStretch[] } = {}) {
    const { budgetBytes = 1_000_000, random = [], recovered = [] } = options;
    const float = () => random.shift() ?? 0.5;
    const config = { identity, epoch: 7n, token: () => "t", budgetBytes, random: { float } };
    this.state = makeSenderState({ ...config, recovered });
  }

  event(event: SenderEvent): void {
    const effects = step(this.state, event, { monotonicMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs });
    for (const effect of effects) this.#perform(effect);
    const wrote = effects.some(({ type }) => type === "write");
    if (wrote && this.takesBytes) this.event({ type: "writable" });
  }

  addresses(...addresses: (string | ExporterAddress)[]): void {
    const list = addresses.map((one) => typeof one === "string" ? { address: one, load: 0 } : one);
    this.event({ type: "addresses", addresses: list });
  }

  push(...records: OutboundRecord[]): void {
    for (const record of records) this.event({ type: "push", record });
  }

  /** Lets time pass, with the ticks that fall due. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.#timerAtMs !== null && this.#timerAtMs <= untilMs) {
      this.nowMs = this.#timerAtMs;
      this.#timerAtMs = null;
      this.event({ type: "tick" });
    }
    this.nowMs = untilMs;
  }

  frame(type: number, id = 0, body: Uint8Array = new Uint8Array(0)): void {
    this.event({ type: "frame", frame: { type, id: BigInt(id), timestampNs: 0n, body } });
  }

  welcome(sequence = 0, windowBytes = 1_000_000, baseBytes = 0): void {
    this.frame(FrameType.welcome, sequence, encodeWelcome({ windowBytes, exporter: "exporter-0", baseBytes }));
  }

  ack(sequence: number): void {
    this.frame(FrameType.ack, sequence);
  }

  unknown(sequence: number, ids: readonly ContentId[]): void {
    this.frame(FrameType.unknown, sequence, encodeUnknown(ids));
  }

  credit(windowBytes: number): void {
    this.frame(FrameType.credit, 0, encodeCredit(windowBytes));
  }

  error(code: number): void {
    this.frame(FrameType.error, 0, encodeSessionError({ code, message: "because" }));
  }

  /** Connects and is welcomed; the HELLO is taken out of `writes`. */
  open(sequence = 0, windowBytes = 1_000_000, baseBytes = 0): void {
    this.event({ type: "connected" });
    this.takeWrites();
    this.welcome(sequence, windowBytes, baseBytes);
  }

  takeWrites(): Frame[][] {
    const { writes } = this;
    this.writes = [];
    return writes;
  }

  /** Type and id of each frame written since the last call: `20:1` is SCRAPES of sequence 1. */
  takeFrames(): string[] {
    return this.takeWrites().flat().map(({ type, id }) => `${type}:${id}`);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "connect":
        this.connects.push(effect.address);
        this.#reader = new FrameReader();
        break;
      case "write": {
        const frames: Frame[] = [];
        this.#reader.push(effect.bytes, (frame) => frames.push(frame));
        this.writes.push(frames);
        break;
      }
      case "close":
        this.closes.push(effect.reason);
        break;
      case "timer":
        this.#timerAtMs = effect.atMs;
        break;
      case "runEnded":
        break;
      case "note":
        this.notes.push(effect);
        break;
    }
  }
}
