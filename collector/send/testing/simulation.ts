import assert from "node:assert/strict";
import { encodeFrame, type Frame } from "../../../core/protocol/frame.ts";
import { FrameReader } from "../../../core/protocol/frame_reader.ts";
import { SessionErrorCode } from "../../../core/protocol/session.ts";
import type { Random } from "../../../core/runtime/env.ts";
import { seededRandom } from "../../../core/runtime/seeded_random.ts";
import { type Effect, makeSenderState, type SenderEvent, type SenderState } from "../sender_state.ts";
import { step } from "../step.ts";
import { ModelExporter } from "./model_exporter.ts";
import { opaqueRecord, scrapeRecord, testLayout, testTarget } from "./records.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly budgetBytes: number;
  readonly windowBytes: number;
  readonly exporters: number;
  /** Share of the steps that push. */
  readonly pushShare: number;
}

/** Bytes by which the spool may exceed its budget: those of one loss. */
const budgetSlackBytes = 700;

interface SimulatedConnection {
  readonly exporter: ModelExporter;
  opened: boolean;
  /** Bytes on their way, in order. */
  toExporter: Uint8Array[];
  toSender: Uint8Array[];
  /** The sender was told to wait. */
  blocked: boolean;
  readonly exporterReader: FrameReader;
  readonly senderReader: FrameReader;
}

/** One sender and a few model exporters in a world of faults, where everything follows from the seed. */
export class Simulation {
  readonly exporters: readonly ModelExporter[];
  readonly state: SenderState;
  pushed = 0;
  nowMs = 0;
  readonly #options: SimulationOptions;
  readonly #random: Random;
  readonly #targets = Array.from({ length: 12 }, (_, index) => testTarget(`10.0.0.${index}:9100`));
  readonly #layouts = Array.from({ length: 5 }, (_, index) => testLayout(`app${index}`, 1 + index * 2));
  #connection: SimulatedConnection | null = null;
  #timerAtMs: number | null = null;
  #lastHeartbeatMs = 0;
  #exportersAreSilent = false;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const names = Array.from({ length: options.exporters }, (_, index) => `exporter-${index}:7071`);
    this.exporters = names.map((name) => new ModelExporter(name, options.windowBytes));
    this.state = makeSenderState({
      identity: { cluster: "c", namespace: "ns", name: "collector-0" },
      epoch: 1n,
      token: "",
      budgetBytes: options.budgetBytes,
      random: this.#random,
    });
    this.#announce(names);
  }

  /** One random thing happens. */
  act(): void {
    this.#advance(this.#random.float() * 20);
    const draw = this.#random.float();
    if (draw < this.#options.pushShare) this.#push();
    else if (draw < 0.97) this.#carry();
    else this.#fault();
  }

  /** No more faults, and enough time for everything to be delivered. */
  settle(): void {
    this.#exportersAreSilent = false;
    for (const exporter of this.exporters) exporter.refusal = 0;
    this.#announce(this.exporters.map(({ name }) => name));
    for (let turn = 0; turn < 20_000 && !this.state.spool.isEmpty; turn++) {
      this.#advance(20);
      this.#carry();
    }
  }

  #push(): void {
    const timestampMs = ++this.pushed;
    const pick = <T>(items: readonly T[]) => items[Math.floor(this.#random.float() * items.length)] as T;
    const isOpaque = this.#random.float() < 0.15;
    const isHuge = this.#options.budgetBytes < 100_000 && this.#chance(0.05);
    const record = isOpaque
      ? opaqueRecord(timestampMs, isHuge ? this.#options.budgetBytes : Math.floor(this.#random.float() * 400))
      : scrapeRecord(timestampMs, pick(this.#targets), pick(this.#layouts));
    this.#dispatch({ type: "push", record });
  }

  /** Whatever is on its way gets a little further. */
  #carry(): void {
    this.#heartbeats();
    for (const exporter of this.exporters) {
      if (!this.#exportersAreSilent && this.#chance(0.3)) exporter.fsync(this.#chance(0.8));
    }
    const connection = this.#connection;
    if (connection === null) return;
    if (!connection.opened) {
      connection.opened = true;
      this.#dispatch({ type: "connected" });
      return;
    }
    this.#deliverToExporter(connection, this.#random.float());
    this.#deliverToSender(connection);
    if (this.#connection === connection && connection.blocked && connection.toExporter.length === 0) {
      connection.blocked = false;
      this.#dispatch({ type: "writable" });
    }
  }

  #fault(): void {
    const exporter = this.exporters[Math.floor(this.#random.float() * this.exporters.length)] as ModelExporter;
    const draw = Math.floor(this.#random.float() * 10);
    if (draw < 3) this.#cut();
    else if (draw === 3) exporter.forgetShapes(() => this.#chance(0.5));
    else if (draw === 4) this.#restart(exporter);
    else if (draw === 5) exporter.changeWindow(Math.floor(this.#random.float() * 2 * this.#options.windowBytes));
    else if (draw === 6) exporter.refuse(this.#chance(0.5) ? SessionErrorCode.draining : SessionErrorCode.protocol);
    else if (draw === 7) exporter.refusal = this.#chance(0.5) ? 0 : SessionErrorCode.overloaded;
    else if (draw === 8) this.#exportersAreSilent = !this.#exportersAreSilent;
    else this.#announce(this.exporters.map(({ name }) => name).filter(() => this.#chance(0.7)));
    if (this.#chance(0.2)) this.#advance(this.#random.float() * 90_000);
  }

  #announce(names: readonly string[]): void {
    const addresses = names.map((address) => ({ address, load: Math.floor(this.#random.float() * 5) }));
    this.#dispatch({ type: "addresses", addresses });
  }

  #restart(exporter: ModelExporter): void {
    if (this.#connection?.exporter === exporter) this.#cut();
    exporter.restart();
    exporter.forgetShapes(() => true);
  }

  /** The connection breaks: of what was on its way to the exporter, a part still arrives. */
  #cut(): void {
    const connection = this.#connection;
    if (connection === null) return;
    this.#deliverToExporter(connection, this.#random.float());
    connection.exporter.disconnect();
    this.#connection = null;
    this.#dispatch({ type: "disconnected", reason: "cut" });
  }

  #heartbeats(): void {
    if (this.nowMs - this.#lastHeartbeatMs < 10_000 || this.#exportersAreSilent) return;
    this.#lastHeartbeatMs = this.nowMs;
    for (const exporter of this.exporters) exporter.heartbeat();
  }

  #advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    while (this.#timerAtMs !== null && this.#timerAtMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.#timerAtMs);
      this.#timerAtMs = null;
      this.#dispatch({ type: "tick" });
    }
    this.nowMs = untilMs;
  }

  #deliverToExporter(connection: SimulatedConnection, share: number): void {
    const bytes = Buffer.concat(connection.toExporter);
    const arrived = this.#chance(0.5) ? bytes.length : Math.floor(bytes.length * share);
    connection.toExporter = arrived === bytes.length ? [] : [bytes.subarray(arrived)];
    connection.exporterReader.push(bytes.subarray(0, arrived), (frame) => {
      connection.exporter.receive(frame, (type, id, body = new Uint8Array(0)) => {
        connection.toSender.push(encodeFrame({ type, id: BigInt(id), timestampNs: 0n, body }));
      });
    });
  }

  #deliverToSender(connection: SimulatedConnection): void {
    const bytes = Buffer.concat(connection.toSender);
    connection.toSender = [];
    connection.senderReader.push(bytes, (frame: Frame) => {
      if (this.#connection === connection) this.#dispatch({ type: "frame", frame });
    });
  }

  #dispatch(event: SenderEvent): void {
    const now = { monotonicMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs };
    const effects = step(this.state, event, now);
    assert.ok(effects.filter(({ type }) => type === "write").length <= 1, "a step writes once at most");
    for (const effect of effects) this.#perform(effect);
    this.#checkInvariants();
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "connect":
        assert.equal(this.#connection, null, "it connects only when there is no connection");
        this.#connection = this.#connect(effect.address);
        break;
      case "write": {
        const connection = this.#connection;
        assert.ok(connection?.opened, "it writes only to an open connection");
        assert.ok(!connection.blocked, "it writes only when the connection takes bytes");
        connection.toExporter.push(effect.bytes);
        connection.blocked = true;
        break;
      }
      case "close":
        assert.ok(this.#connection !== null, "it closes only a connection that is there");
        this.#connection.exporter.disconnect();
        this.#connection = null;
        break;
      case "timer":
        this.#timerAtMs = effect.atMs;
        break;
      case "note":
        break;
    }
  }

  #connect(address: string): SimulatedConnection {
    const exporter = this.exporters.find(({ name }) => name === address);
    assert.ok(exporter !== undefined);
    return {
      exporter,
      opened: false,
      toExporter: [],
      toSender: [],
      blocked: false,
      exporterReader: new FrameReader(),
      senderReader: new FrameReader(),
    };
  }

  #checkInvariants(): void {
    const { spool } = this.state;
    assert.ok(spool.bytes <= this.#options.budgetBytes + budgetSlackBytes, `${spool.bytes} bytes are held`);
    const lost = [...spool.lost.values()].reduce((sum, { records }) => sum + records, 0);
    assert.equal(spool.acknowledged.records + lost + spool.unacknowledged.records, this.pushed);
  }

  #chance(share: number): boolean {
    return this.#random.float() < share;
  }
}
