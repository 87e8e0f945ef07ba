import assert from "node:assert/strict";
import { encodeFrame, type Frame } from "../../../core/protocol/frame.ts";
import { FrameReader } from "../../../core/protocol/frame_reader.ts";
import { SessionErrorCode } from "../../../core/protocol/session.ts";
import type { Random } from "../../../core/runtime/env.ts";
import { MemoryFileSystem } from "../../../core/runtime/memory_fs.ts";
import { seededRandom } from "../../../core/runtime/seeded_random.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { DiskKeeper, openDisk, stretchOf } from "../disk/keeper.ts";
import {
  type Effect,
  isAllAcknowledged,
  makeSenderState,
  type SenderConfig,
  type SenderEvent,
  type SenderState,
  sendingRun,
} from "../sender_state.ts";
import { step } from "../step.ts";
import { ModelExporter } from "./model_exporter.ts";
import { opaqueRecord, scrapeRecord, testLayout, testTarget } from "./records.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly budgetBytes: number;
  readonly windowBytes: number;
  readonly exporters: number;
  /** What exporters grant for the bases of coded scrapes. Default 0: scrapes are not coded. */
  readonly baseBytes?: number;
  /** Share of the steps that push. */
  readonly pushShare: number;
  /** A spool on a disk of so many bytes, with crashes of the collector. */
  readonly diskBytes?: number;
}

/** The records that one start of the collector has made, by sequence from 1 on. */
export interface SimulatedRun {
  readonly times: number[];
  /** What was on disk for certain when the run ended by a crash; Infinity while it goes on. */
  durable: number;
}

/** Bytes by which the spool may exceed its budget: those of one loss. */
const budgetSlackBytes = 700;
/** Those of all shapes in this world, which each start holds for itself. */
const shapeBytesMax = 12_000;

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
  state: SenderState;
  readonly runs: SimulatedRun[] = [];
  crashes = 0;
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
  #disk = new MemoryFileSystem();
  #keeper: DiskKeeper | null = null;
  #timers: { readonly atMs: number; readonly run: () => void }[] = [];
  /** Operations of the disk that have not begun. */
  #operations: (() => void)[] = [];

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const names = Array.from({ length: options.exporters }, (_, index) => `exporter-${index}:7071`);
    this.exporters = names.map((name) => new ModelExporter(name, options.windowBytes, options.baseBytes));
    this.state = this.#makeState({});
    this.#announce(names);
  }

  /** Starts the collector on what the disk holds. */
  async start(): Promise<void> {
    const { diskBytes = 0 } = this.#options;
    this.#connection?.exporter.disconnect();
    this.#connection = null;
    [this.#timerAtMs, this.#timers, this.#operations] = [null, [], []];
    this.#disk.before = null;
    const disk = await openDisk(this.#disk, "/spool", diskBytes);
    this.state = this.#makeState({ hasDisk: true, recovered: disk.runs.map(stretchOf) });
    this.#disk.before = () => new Promise((resolve) => this.#operations.push(resolve));
    const clock = {
      monotonicMs: () => this.nowMs,
      after: (delayMs: number, run: () => void) => {
        const timer = { atMs: this.nowMs + delayMs, run };
        this.#timers.push(timer);
        return () => void (this.#timers = this.#timers.filter((one) => one !== timer));
      },
    };
    const onStored = () => this.#dispatch({ type: "stored" });
    const log = makeLogger("test", "silent");
    const { state } = this;
    const { runs } = state;
    const sending = () => sendingRun(state);
    this.#keeper = new DiskKeeper({
      disk,
      clock,
      log,
      runs,
      sending,
      onStored,
      commitMs: 5,
      boundStep: 4,
    });
    this.#announce(this.exporters.map(({ name }) => name));
  }

  /** As {@link act}, with a disk that takes its time, runs full, and a collector that crashes. */
  async actWithDisk(): Promise<void> {
    this.act();
    if (this.#chance(0.004)) this.#disk.capacityBytes = this.#chance(0.5) ? Infinity : this.#disk.usedBytes() + 500;
    if (this.#chance(0.008)) await this.#crash();
    if (this.#chance(0.7)) await this.#operate(1 + Math.floor(this.#random.float() * 8));
  }

  /** As {@link settle}. */
  async settleWithDisk(): Promise<void> {
    this.#disk.capacityBytes = Infinity;
    this.#healExporters();
    for (let turn = 0; turn < 20_000 && !isAllAcknowledged(this.state); turn++) {
      this.#advance(20);
      this.#carry();
      await this.#operate(8);
    }
  }

  /** Lets some operations of the disk happen. */
  async #operate(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const begin = this.#operations.shift();
      if (begin === undefined) break;
      begin();
      // Long enough for whoever waits for it to ask for the next operation; a turn of the event loop takes longer.
      for (let turn = 0; turn < 12; turn++) await Promise.resolve();
    }
  }

  /** kill -9 or a power cut: another process starts on what is left. */
  async #crash(): Promise<void> {
    this.crashes++;
    const run = this.runs.at(-1);
    if (run !== undefined) run.durable = this.state.spool.disk.durable;
    const mode = (["drop", "keep", "torn"] as const)[Math.floor(this.#random.float() * 3)] ?? "drop";
    this.#disk = this.#disk.crash(mode, () => this.#random.float());
    await this.start();
  }

  #makeState(config: Pick<SenderConfig, "hasDisk" | "recovered">): SenderState {
    this.runs.push({ times: [], durable: Infinity });
    return makeSenderState({
      identity: { cluster: "c", namespace: "ns", name: "collector-0" },
      epoch: BigInt(this.runs.length),
      token: () => "",
      budgetBytes: this.#options.budgetBytes,
      random: this.#random,
      turns: { aloneMs: 400, turnMs: 100 },
      ...config,
    });
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
    this.#healExporters();
    for (let turn = 0; turn < 20_000 && !this.state.spool.isEmpty; turn++) {
      this.#advance(20);
      this.#carry();
    }
  }

  #healExporters(): void {
    this.#exportersAreSilent = false;
    for (const exporter of this.exporters) exporter.refusal = 0;
    this.#announce(this.exporters.map(({ name }) => name));
  }

  #push(): void {
    const timestampMs = ++this.pushed;
    this.runs.at(-1)?.times.push(timestampMs);
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
    const due = this.#timers.filter(({ atMs }) => atMs <= untilMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > untilMs);
    for (const { run } of due) run();
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
    this.#keeper?.poke();
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
      case "runEnded":
        this.#keeper?.endRun(effect.epoch);
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
    const { spool, runs } = this.state;
    const { books } = spool;
    const bytes = runs.reduce((sum, run) => sum + run.spool.bytes, 0);
    const { budgetBytes } = this.#options;
    // With a disk, a record more, and what was just read back of an earlier start, with its shapes.
    const slackBytes = this.#keeper === null
      ? budgetSlackBytes
      : budgetSlackBytes * 2 + shapeBytesMax + budgetBytes / 8;
    assert.ok(bytes <= budgetBytes + slackBytes, `${bytes} bytes are held`);
    const lost = [...books.lost.values()].reduce((sum, { records }) => sum + records, 0);
    const { recovered, made, acknowledged, unacknowledged } = books;
    assert.equal(acknowledged.records + lost + unacknowledged.records, recovered.records + made.records);
    assert.equal(acknowledged.samples + unacknowledged.samples <= recovered.samples + made.samples, true);
  }

  #chance(share: number): boolean {
    return this.#random.float() < share;
  }
}
