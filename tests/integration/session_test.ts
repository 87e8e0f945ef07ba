/** The collector's sender and the exporter's ingest, each as it is, over loopback sockets. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fixedAddress, openDisk, type Sender, type SenderOptions, startSender } from "../../collector/send/mod.ts";
import { opaqueRecord, scrapeRecord, testLayout, testTarget } from "../../collector/send/testing/records.ts";
import type { Connection, SocketAddress } from "../../core/runtime/env.ts";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { formatAddress } from "../../core/runtime/system_net.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { FakeWal } from "../../exporter/ingest/fake_wal_testing.ts";
import { startIngest } from "../../exporter/ingest/server.ts";
import { openWal } from "../../exporter/wal/file_wal.ts";
import type { Wal, WalRecord } from "../../exporter/wal/wal.ts";

const identity = { cluster: "TEST", namespace: "shop", name: "bcs-collector-shop-0" };
const log = makeLogger("test", "silent");
const flushMs = 20_000;
const targets = [testTarget("10.0.0.1:9100"), testTarget("10.0.0.2:9100")];
const layouts = [testLayout("cart", 3), testLayout("order", 20)];

interface Exporter {
  readonly address: SocketAddress;
  stop(): Promise<void>;
}

async function startExporter(wal: Wal): Promise<Exporter> {
  const address = { host: "127.0.0.1", port: 0 };
  const ingest = await startIngest({ env: systemEnv, log, metrics: new Registry(), wal, address, exporter: "e" });
  return {
    address: ingest.address,
    async stop() {
      await ingest.stop();
      await wal.close();
    },
  };
}

/** A sender to one address, closed at the end of the test. */
function start(context: TestContext, address: SocketAddress, changes: Partial<SenderOptions> = {}): Sender {
  const addresses = fixedAddress(formatAddress(address));
  const metrics = new Registry();
  const sender = startSender({ identity, epoch: 7n, token: "", addresses, env: systemEnv, log, metrics, ...changes });
  context.after(() => sender.close());
  return sender;
}

/** Forwards to the exporter that is set, and breaks each connection after some bytes, wherever in a frame that is. */
class FlakyPath {
  exporter: SocketAddress | null = null;
  /** Bytes towards the exporter that the next connections let through. */
  cuts: number[] = [];
  readonly address: SocketAddress;
  readonly #close: () => Promise<void>;
  readonly #outward = new Set<Connection>();

  private constructor(address: SocketAddress, close: () => Promise<void>) {
    this.address = address;
    this.#close = close;
  }

  static async open(): Promise<FlakyPath> {
    let path: FlakyPath | null = null;
    const listener = await systemEnv.net.listen({ host: "127.0.0.1", port: 0 }, (inward) => {
      if (path === null) throw new Error("Cannot accept before the path is open");
      return path.#forward(inward);
    });
    path = new FlakyPath(listener.address, () => listener.close());
    return path;
  }

  async close(): Promise<void> {
    for (const outward of this.#outward) outward.destroy();
    await this.#close();
  }

  #forward(inward: Connection) {
    if (this.exporter === null) {
      inward.destroy();
      return { data() {}, close() {} };
    }
    let rest = this.cuts.shift() ?? Infinity;
    const outward = systemEnv.net.connect(this.exporter, {
      data: (bytes) => void inward.write(bytes.slice()),
      close: () => {
        this.#outward.delete(outward);
        inward.destroy();
      },
    });
    this.#outward.add(outward);
    return {
      data(bytes: Uint8Array) {
        outward.write(bytes.slice(0, rest));
        rest -= bytes.length;
        if (rest > 0) return;
        outward.end();
        inward.destroy();
      },
      close: () => outward.end(),
    };
  }
}

async function readAll(wal: Wal): Promise<WalRecord[]> {
  const reader = wal.reader(null);
  const records: WalRecord[] = [];
  for (let batch = await reader.read(1 << 20); batch !== null; batch = await reader.read(1 << 20)) {
    records.push(
      ...batch.records.map((record) => record.kind === "lost" ? record : { ...record, body: record.body.slice() }),
    );
  }
  await reader.close();
  return records;
}

function sequenceOf(record: WalRecord): number {
  return record.kind === "lost" ? record.lost.lastSequence : record.sequence;
}

function pushSome(sender: Sender, fromMs: number, count: number): void {
  for (let timeMs = fromMs; timeMs < fromMs + count; timeMs++) {
    const target = targets[timeMs % 2];
    const layout = layouts[timeMs % 3 === 0 ? 1 : 0];
    assert.ok(target !== undefined && layout !== undefined);
    sender.push(timeMs % 10 === 0 ? opaqueRecord(timeMs, 200) : scrapeRecord(timeMs, target, layout));
  }
}

test("cut connections and restarts of the exporter lose nothing, double nothing and keep the order", async (context) => {
  const dir = await mkdtemp(join(tmpdir(), "session-"));
  context.after(() => rm(dir, { recursive: true }));
  const path = await FlakyPath.open();
  context.after(() => path.close());
  const sender = start(context, path.address);
  for (let life = 0; life < 3; life++) {
    const exporter = await startExporter(await openWal({ dir, env: systemEnv, log }));
    path.exporter = exporter.address;
    path.cuts = [700, 1_300, 90, 2_500, 5_001];
    pushSome(sender, life * 200 + 1, 200);
    assert.equal(await sender.flush(flushMs), true);
    path.exporter = null;
    await exporter.stop();
  }
  assert.ok(sender.stats().reconnects >= 8);
  const wal = await openWal({ dir, env: systemEnv, log });
  const records = await readAll(wal);
  await wal.close();
  assert.deepEqual(records.map(sequenceOf), Array.from({ length: 600 }, (_, index) => index + 1));
  const opaque = records.filter((record) => record.kind === "opaque");
  assert.deepEqual(opaque.map(({ body }) => Number(Buffer.from(body))), opaque.map(({ sequence }) => sequence));
  assert.equal(sender.stats().acknowledgedRecords, 600);
});

/** A log in memory that makes durable at once. */
class QuickWal extends FakeWal {
  override append(record: WalRecord): number {
    const index = super.append(record);
    queueMicrotask(() => this.sync());
    return index;
  }
}

test("scrapes are coded on their way, to a fraction of their bytes, and arrive as they were", async (context) => {
  const wal = new QuickWal();
  const exporter = await startExporter(wal);
  context.after(() => exporter.stop());
  const metrics = new Registry();
  const sender = start(context, exporter.address, { metrics });
  const sentBytes = async () =>
    (await metrics.getSingleMetric("bcs_metric_collector_sent_bytes_total")?.get())?.values[0]?.value ?? 0;
  const layout = testLayout("wide", 1000);
  const records = Array.from(
    { length: 42 },
    (_, index) => scrapeRecord(1_000_000 + index, targets[index % 2] ?? testTarget(""), layout),
  );
  for (const record of records.slice(0, 2)) sender.push(record);
  assert.equal(await sender.flush(flushMs), true);
  const before = await sentBytes();
  for (const record of records.slice(2)) sender.push(record);
  assert.equal(await sender.flush(flushMs), true);
  const perSample = (await sentBytes() - before) / (40 * 1000);
  assert.ok(perSample > 0.1 && perSample < 2, `${perSample} bytes a sample`);
  assert.deepEqual(
    wal.records.map((record) => record.kind === "scrapes" && record.body),
    records.map(({ body }) => body),
  );
});

test("shapes that the exporter has forgotten are sent again, and the records with them", async (context) => {
  const wal = new QuickWal();
  const exporter = await startExporter(wal);
  context.after(() => exporter.stop());
  const sender = start(context, exporter.address);
  pushSome(sender, 1, 50);
  assert.equal(await sender.flush(flushMs), true);
  const shapes = layouts.flatMap(({ layout, blocks }) => [layout.shape, ...blocks.map(({ shape }) => shape)]);
  for (const { id } of shapes) wal.shapes.forget(id);
  pushSome(sender, 51, 50);
  assert.equal(await sender.flush(flushMs), true);
  assert.deepEqual(wal.records.map(sequenceOf), Array.from({ length: 100 }, (_, index) => index + 1));
  assert.ok(shapes.every(({ id }) => wal.shapes.get(id) !== undefined));
  assert.equal(sender.stats().reconnects, 0, "within the session");
});

test("a loss that the collector declares takes its place in the exporter's log", async (context) => {
  const wal = new QuickWal();
  const exporter = await startExporter(wal);
  context.after(() => exporter.stop());
  const path = await FlakyPath.open();
  context.after(() => path.close());
  const sender = start(context, path.address, { budgetBytes: 20_000 });
  for (let timeMs = 1; timeMs <= 100; timeMs++) sender.push(opaqueRecord(timeMs, 500));
  const { lostRecords, unacknowledgedRecords } = sender.stats();
  path.exporter = exporter.address;
  assert.equal(await sender.flush(flushMs), true);
  const [first, ...rest] = wal.records;
  assert.ok(first?.kind === "lost");
  const { firstSequence, lastSequence, records, oldestMs, newestMs, reason } = first.lost;
  assert.deepEqual({ firstSequence, lastSequence, records }, {
    firstSequence: 1,
    lastSequence: lostRecords,
    records: lostRecords,
  });
  assert.deepEqual({ oldestMs, newestMs, reason }, { oldestMs: 1, newestMs: lostRecords, reason: "spool full" });
  assert.equal(rest.length, unacknowledgedRecords);
  assert.equal(sequenceOf(rest.at(-1) ?? first), 100);
});

test("a draining exporter is left at once for another, with everything that it has not acknowledged", async (context) => {
  const [before, next] = [new FakeWal(), new QuickWal()];
  const draining = await startExporter(before);
  const other = await startExporter(next);
  context.after(() => other.stop());
  const addresses = [{ address: formatAddress(draining.address), load: 0 }, {
    address: formatAddress(other.address),
    load: 0,
  }];
  let announce: (list: typeof addresses) => void = () => {};
  const sender = start(context, draining.address, {
    addresses: {
      subscribe(onChange) {
        announce = onChange;
        onChange(addresses.slice(0, 1));
        return () => {};
      },
    },
  });
  pushSome(sender, 1, 30);
  await before.appended(30);
  before.sync();
  pushSome(sender, 31, 30);
  await before.appended(60);
  announce(addresses);
  const stopping = draining.stop();
  // The exporter still acknowledges what it took when that becomes durable; the rest goes to the other.
  pushSome(sender, 61, 40);
  before.sync();
  assert.equal(await sender.flush(flushMs), true);
  await stopping;
  const taken = [...before.records.slice(0, before.durableCount), ...next.records].map(sequenceOf);
  assert.deepEqual(taken, Array.from({ length: 100 }, (_, index) => index + 1), "each once, in order");
  assert.ok(next.records.length > 0 && before.durableCount >= 60);
  assert.equal(sender.stats().reconnects, 1);
});

test("a long backlog of an earlier start and what is new take turns, and each record comes once", async (context) => {
  const fs = new MemoryFileSystem();
  const open = (epoch: bigint, changes: Partial<SenderOptions>, disk: Awaited<ReturnType<typeof openDisk>>) =>
    start(context, { host: "127.0.0.1", port: 1 }, { epoch, disk, ...changes });
  const left = open(1n, { addresses: { subscribe: () => () => {} } }, await openDisk(fs, "/spool", 100_000_000));
  for (let timeMs = 1; timeMs <= 2_000; timeMs++) left.push(opaqueRecord(timeMs, 2_000));
  await left.close();
  // Durable every 10 ms, in a window of 16 KiB: the backlog takes longer than its first turn on a clock 20 times as fast.
  const wal = new FakeWal();
  const syncing = setInterval(() => wal.sync(), 10);
  const address = { host: "127.0.0.1", port: 0 };
  const ingest = await startIngest(
    { env: systemEnv, log, metrics: new Registry(), wal, address, exporter: "e", ingestBytes: 16 * 1024 },
  );
  const { clock } = systemEnv;
  const fast = {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs() * 20,
    after: (delayMs: number, run: () => void) => clock.after(delayMs / 20, run),
  };
  const addresses = fixedAddress(formatAddress(ingest.address));
  const sender = open(2n, { addresses, env: { ...systemEnv, clock: fast } }, await openDisk(fs, "/spool", 100_000_000));
  context.after(async () => {
    clearInterval(syncing);
    await sender.close();
    await ingest.stop();
  });
  let made = 0;
  const pushing = setInterval(() => void sender.push(opaqueRecord(++made)), 20);
  await wal.appended(2_000);
  clearInterval(pushing);
  assert.equal(await sender.flush(flushMs * 20), true);
  const of = (epoch: bigint) => wal.records.flatMap((one) => one.origin?.epoch === epoch ? [sequenceOf(one)] : []);
  assert.deepEqual(of(1n), Array.from({ length: 2_000 }, (_, index) => index + 1));
  assert.deepEqual(of(2n), Array.from({ length: made }, (_, index) => index + 1));
  const changes =
    wal.records.filter((one, index) => one.origin?.epoch !== wal.records[index - 1]?.origin?.epoch).length;
  assert.ok(changes >= 4, `${changes} turns`);
  assert.equal(sender.stats().reconnects, 0);
});
