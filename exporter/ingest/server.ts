import { messageOf } from "../../core/errors.ts";
import { encodeFrame, FrameType, toNanoseconds } from "../../core/protocol/frame.ts";
import { encodeSessionError, SessionErrorCode } from "../../core/protocol/session.ts";
import type {
  Connection,
  ConnectionHandlers,
  Env,
  Listener,
  ServerTls,
  SocketAddress,
} from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Registry } from "../../core/telemetry/metrics.ts";
import { type Access, openAccess } from "../access/access.ts";
import { type OpaqueWalRecord, type Origin, type Wal, WalClosedError, type WalRecord } from "../wal/wal.ts";
import { BasePool } from "./base_pool.ts";
import { ClientConnection, type ConnectionHost } from "./client_connection.ts";
import { increment, IngestCounters, registerIngestMetrics } from "./counters.ts";
import { type Credit, CreditPool } from "./credit.ts";
import { SessionDirectory } from "./directory.ts";
import { DurableWaiters } from "./durable_waiters.ts";
import {
  baseBytesDefault,
  closingMaxMs,
  connectionsMaxDefault,
  heldBytesMax,
  ingestBytesDefault,
  sessionBaseBytesMax,
  windowBytesMax,
} from "./limits.ts";
import type { SessionContext, SessionEffect } from "./session_state.ts";

const tickMs = 1000;
/** How long `stop` waits for the last fsync, and then for the peers to close their side. */
const drainMaxMs = 5000;
const farewellMaxMs = 1000;

export interface IngestOptions {
  readonly env: Pick<Env, "clock" | "net">;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly wal: Wal;
  /** Port 0 picks a free one. */
  readonly address: SocketAddress;
  /** Name of this exporter, told to collectors. */
  readonly exporter: string;
  /** Default 10,000. */
  readonly connectionsMax?: number;
  /** Bytes of incomplete frames, over all connections. Default 512 MiB. */
  readonly heldBytesMax?: number;
  /** Bytes that all collectors may have sent without an acknowledgement. Default 64 MiB. */
  readonly ingestBytes?: number;
  /** Bytes that the bases of coded scrapes may take, over all collectors. Default 256 MiB; 0: scrapes are not coded. */
  readonly baseBytes?: number;
  /** Who may send. By default everybody. */
  readonly access?: Access;
  /** By default plain TCP. */
  readonly tls?: ServerTls | undefined;
}

export interface IngestStats {
  readonly connections: number;
  readonly sessions: number;
  readonly receivedBytes: number;
  readonly receivedSamples: number;
  readonly receivedRecords: number;
  readonly durableRecords: number;
  readonly unacknowledgedBytes: number;
}

export interface Ingest {
  readonly address: SocketAddress;
  /** Nothing more is taken: it stops, or the log has failed. */
  readonly draining: boolean;
  /** Shows another certificate to new connections. */
  renewTls(tls: ServerTls): void;
  stats(): IngestStats;
  /**
   * Appends a record that came without a session, and resolves once it is durable; null while nothing can be taken.
   * @throws NotTakenError when it does not become durable within 30 s.
   */
  take(record: OpaqueWalRecord): Promise<void> | null;
  /**
   * Takes nothing more, waits until what was taken is durable and acknowledged, sends collectors away with ERROR
   * draining, and closes the listener. The log stays open.
   */
  stop(): Promise<void>;
}

/**
 * Accepts collectors and old clients over TCP, and appends what they send to the log.
 * @throws ListenError when the address cannot be bound.
 */
export async function startIngest(options: IngestOptions): Promise<Ingest> {
  const server = new IngestServer(options);
  await server.listen();
  return server;
}

class IngestServer implements Ingest, ConnectionHost {
  readonly counters = new IngestCounters();
  readonly log: Logger;
  readonly context: SessionContext;
  readonly #options: IngestOptions;
  readonly #connections = new Set<ClientConnection>();
  /** Those for which the next fsync may mean something: an ACK or a WELCOME. */
  readonly #awaitingFsync = new Set<ClientConnection>();
  readonly #directory = new SessionDirectory<ClientConnection>();
  readonly #credit: CreditPool<ClientConnection>;
  readonly #bases: BasePool<ClientConnection>;
  readonly #forgetAccess: () => void;
  #listener: Listener | null = null;
  #cancelTick: () => void = () => {};
  readonly #waiters: DurableWaiters;
  #lastIndex = 0;
  #durableIndex = 0;
  #heldBytes = 0;
  #paused = false;
  /** Reading was paused since the windows were last looked at. */
  #pressed = false;
  /** Nothing more is taken. */
  #draining = false;
  #stopping = false;
  #onProgress: () => void = () => {};

  constructor(options: IngestOptions) {
    const { wal, exporter, access = openAccess, ingestBytes = ingestBytesDefault, baseBytes = baseBytesDefault } =
      options;
    this.#options = options;
    this.log = options.log;
    this.context = {
      exporter,
      access,
      shapes: wal.shapes,
      resumePoint: (origin) => wal.resumePoint(origin),
    };
    const limits = { budgetBytes: ingestBytes, windowBytesMax };
    this.#credit = new CreditPool(limits, (connection) => connection.unacknowledgedBytes);
    this.#bases = new BasePool({ budgetBytes: baseBytes, sessionBytesMax: sessionBaseBytesMax });
    this.#waiters = new DurableWaiters(options.env.clock);
    this.#forgetAccess = access.onChange(() => {
      for (const connection of this.#connections) connection.dispatch({ type: "access_changed" });
    });
    wal.onDurable((index) => this.#onDurable(index));
    registerIngestMetrics(options.metrics, this.counters, () => ({
      openConnections: this.#connections.size,
      sessions: this.#sessionCount(),
      unacknowledgedBytes: this.#unacknowledgedBytes(),
      heldBytes: this.#heldBytes,
      windowBytes: this.#credit.windowBytes,
      baseBytes: this.#baseBytes(),
      paused: this.#paused,
      draining: this.#draining,
    }));
  }

  async listen(): Promise<void> {
    const { env, address, tls } = this.#options;
    this.#listener = await env.net.listen(address, (socket) => this.#accept(socket), tls);
    this.#scheduleTick();
  }

  get address(): SocketAddress {
    return this.#listener?.address ?? this.#options.address;
  }

  get draining(): boolean {
    return this.#draining;
  }

  renewTls(tls: ServerTls): void {
    this.#listener?.renewTls(tls);
  }

  stats(): IngestStats {
    return {
      connections: this.#connections.size,
      sessions: this.#sessionCount(),
      receivedBytes: this.counters.bytes,
      receivedSamples: this.counters.samples,
      receivedRecords: this.#lastIndex,
      durableRecords: this.#durableIndex,
      unacknowledgedBytes: this.#unacknowledgedBytes(),
    };
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#draining = true;
    this.#forgetAccess();
    for (const connection of this.#connections) connection.dispatch({ type: "draining" });
    // What is read from now on is dropped, but it must be read, or its sender never sees the last ACK.
    this.#setPaused(false);
    await this.#until(() => this.#durableIndex >= this.#lastIndex || this.#logFailed(), drainMaxMs);
    this.#sendAway("the exporter is shutting down");
    await this.#until(() => this.#connections.size === 0, farewellMaxMs);
    this.#cancelTick();
    this.#waiters.giveUp("the exporter is shutting down");
    for (const connection of this.#connections) connection.destroy();
    await this.#listener?.close();
  }

  monotonicMs(): number {
    return this.#options.env.clock.monotonicMs();
  }

  wallMs(): number {
    return this.#options.env.clock.wallMs();
  }

  register(connection: ClientConnection, origin: Origin): void {
    const claim = this.#directory.claim(origin, connection);
    if (claim.outcome === "refused") {
      connection.dispatch({ type: "refused", newerEpoch: claim.newerEpoch });
      return;
    }
    // From here on the replaced connection appends nothing, so the barrier covers all that it did.
    claim.replaced?.dispatch({ type: "replaced", byEpoch: origin.epoch });
    this.#awaitingFsync.add(connection);
    this.#grant(this.#credit.join(connection));
    const baseBytes = connection.state.wantsCoding ? this.#bases.join(connection) : 0;
    const [barrierIndex, durableIndex] = [this.#lastIndex, this.#durableIndex];
    connection.dispatch({ type: "registered", barrierIndex, durableIndex, baseBytes });
  }

  take(record: OpaqueWalRecord): Promise<void> | null {
    if (this.#draining || !this.#options.wal.accepting()) return null;
    this.counters.bytes += record.body.length;
    const index = this.#append(record);
    return index === null ? null : this.#waiters.wait(index);
  }

  append(connection: ClientConnection, effect: Extract<SessionEffect, { type: "append" }>): void {
    const { record, sequence, samples, bytes } = effect;
    const index = this.#append(record);
    if (index === null) return;
    this.counters.samples += samples;
    if (record.kind === "lost") {
      const { origin: { cluster, namespace, name, epoch }, lost } = record;
      this.counters.lostRecords += lost.records;
      this.counters.lostSamples += lost.samples;
      this.log.warn({ collector: `${cluster}/${namespace}/${name}`, epoch: epoch.toString(), lost }, "loss declared");
    }
    if (sequence === 0) return;
    this.#awaitingFsync.add(connection);
    connection.dispatch({ type: "appended", index, sequence, bytes });
  }

  /** Null when the log takes nothing any more. */
  #append(record: WalRecord): number | null {
    try {
      this.#lastIndex = this.#options.wal.append(record);
    } catch (error) {
      if (!(error instanceof WalClosedError)) throw error;
      this.#onLogClosed(error);
      return null;
    }
    increment(this.counters.records, record.kind);
    return this.#lastIndex;
  }

  held(connection: ClientConnection, deltaBytes: number): void {
    this.#heldBytes += deltaBytes;
    const max = this.#options.heldBytesMax ?? heldBytesMax;
    if (deltaBytes <= 0 || this.#heldBytes <= max) return;
    connection.dispatch({ type: "overloaded", message: `incomplete frames exceed ${max} bytes` });
  }

  dataTaken(): void {
    this.#checkPressure();
  }

  ended(connection: ClientConnection): void {
    this.#awaitingFsync.delete(connection);
    this.#credit.leave(connection);
    this.#bases.leave(connection);
    if (connection.state.origin !== null) this.#directory.release(connection.state.origin, connection);
  }

  gone(connection: ClientConnection): void {
    this.#connections.delete(connection);
    this.#onProgress();
  }

  #accept(socket: Connection): ConnectionHandlers {
    this.counters.connections++;
    if (this.#draining) return this.#refuse(socket, SessionErrorCode.draining, "the exporter is shutting down");
    const max = this.#options.connectionsMax ?? connectionsMaxDefault;
    if (this.#connections.size >= max) {
      return this.#refuse(socket, SessionErrorCode.overloaded, `there are ${max} connections already`);
    }
    const connection = new ClientConnection(this, socket);
    this.#connections.add(connection);
    if (this.#paused) connection.dispatch({ type: "paused" });
    return connection.handlers();
  }

  #refuse(socket: Connection, code: number, message: string): ConnectionHandlers {
    const reason = code === SessionErrorCode.draining ? "draining" : "overloaded";
    increment(this.counters.closed, reason);
    this.log.warn({ remote: socket.remote, reason }, "connection refused");
    const body = encodeSessionError({ code, message });
    const timestampNs = toNanoseconds(this.wallMs());
    socket.write(encodeFrame({ type: FrameType.error, id: 0n, timestampNs, body }));
    socket.end();
    const cancel = this.#options.env.clock.after(closingMaxMs, () => socket.destroy());
    return { data: () => {}, close: cancel };
  }

  #onDurable(index: number): void {
    this.#durableIndex = Math.max(this.#durableIndex, index);
    this.#waiters.durable(index);
    for (const connection of this.#awaitingFsync) {
      connection.dispatch({ type: "durable", index });
      const { phase, pending } = connection.state;
      if (phase !== "greeting" && pending.isEmpty) this.#awaitingFsync.delete(connection);
    }
    this.#checkPressure();
    this.#onProgress();
  }

  /** Reads from connections only while the log can keep up; it tells by `onDurable` when that may have changed. */
  #checkPressure(): void {
    if (!this.#draining) this.#setPaused(!this.#options.wal.accepting());
  }

  #setPaused(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    if (paused) this.#pressed = true;
    this.log.info({ paused }, paused ? "reading paused: the log is behind" : "reading resumed");
    for (const connection of this.#connections) connection.dispatch({ type: paused ? "paused" : "resumed" });
  }

  /** The log tells its owner that it has failed, who stops us; until then the collectors go elsewhere. */
  #onLogClosed(error: Error): void {
    if (this.#draining) return;
    this.#draining = true;
    this.log.error({ reason: messageOf(error) }, "nothing more can be made durable");
    this.#sendAway("the exporter cannot write its log");
    this.#waiters.giveUp("the exporter cannot write its log");
  }

  #grant(credits: readonly Credit<ClientConnection>[]): void {
    for (const { session, windowBytes } of credits) session.dispatch({ type: "window", bytes: windowBytes });
  }

  #logFailed(): boolean {
    return this.#options.wal.stats().condition === "failed";
  }

  #sendAway(message: string): void {
    for (const connection of this.#connections) connection.dispatch({ type: "stopped", message });
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.env.clock.after(tickMs, () => {
      for (const connection of this.#connections) connection.tick();
      this.#checkPressure();
      this.#grant(this.#credit.tick(this.#pressed));
      this.#pressed = this.#paused;
      this.#scheduleTick();
    });
  }

  /** Waits until `done`, looked at whenever something was fsynced or closed, but no longer than `maxMs`. */
  async #until(done: () => boolean, maxMs: number): Promise<void> {
    if (done()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.env.clock.after(maxMs, resolve);
    this.#onProgress = () => {
      if (done()) resolve();
    };
    await promise;
    cancel();
    this.#onProgress = () => {};
  }

  #sessionCount(): number {
    let count = 0;
    for (const { state } of this.#connections) if (state.phase === "open" || state.phase === "greeting") count++;
    return count;
  }

  #baseBytes(): number {
    let bytes = 0;
    for (const { state } of this.#connections) bytes += state.decoder?.bytes ?? 0;
    return bytes;
  }

  #unacknowledgedBytes(): number {
    let bytes = 0;
    for (const connection of this.#connections) bytes += connection.unacknowledgedBytes;
    return bytes;
  }
}
