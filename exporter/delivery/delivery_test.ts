import assert from "node:assert/strict";
import { test } from "node:test";
import type { Env } from "../../core/runtime/env.ts";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { newBooks } from "../ledger/books.ts";
import { readRoutes } from "../routing/routes.ts";
import type { Batch, DeliveryOutcome, Sink } from "../sink.ts";
import { testOpaque, testScrapeOf } from "../sinks/batch_testing.ts";
import { CursorFile } from "./cursor_file.ts";
import { type Delivery, startDelivery } from "./delivery.ts";
import { slowestPosition } from "./position.ts";
import { MemoryWal, testOrigin } from "./wal_testing.ts";

const graceMs = 5000;

/** Takes batches as `answer` says, and lets a test wait for what it takes. */
class TestSink implements Sink {
  readonly type = "test";
  readonly name: string;
  readonly batches: Batch[] = [];
  closed = 0;
  answer: (batch: Batch, signal: AbortSignal) => DeliveryOutcome | Promise<DeliveryOutcome> = taken;
  readonly #waiting: { readonly check: () => boolean; readonly resolve: () => void }[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Times of the scrapes that were taken, in order. */
  readonly times: number[] = [];

  async deliver(batch: Batch, signal: AbortSignal): Promise<DeliveryOutcome> {
    this.batches.push(batch);
    const outcome = await this.answer(batch, signal);
    if (outcome.outcome === "delivered") this.times.push(...batch.scrapes.map(({ timestampMs }) => timestampMs));
    for (const { check, resolve } of this.#waiting) if (check()) resolve();
    return outcome;
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }

  /** Resolves once it is so after a delivery. */
  until(check: () => boolean): Promise<void> {
    if (check()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ check, resolve }));
  }
}

function taken(batch: Batch): DeliveryOutcome {
  return { outcome: "delivered", samples: batch.sampleCount, records: batch.scrapes.length + batch.opaque.length };
}

interface Setting {
  readonly wal: MemoryWal;
  readonly fs: MemoryFileSystem;
  readonly metrics: Registry;
}

function settingOf(): Setting {
  return { wal: new MemoryWal(), fs: new MemoryFileSystem(), metrics: new Registry() };
}

function start(setting: Setting, ...sinks: Sink[]): Delivery {
  const env: Pick<Env, "clock" | "random" | "fs"> = {
    clock: systemEnv.clock,
    random: { float: () => 0, bytes: (count) => systemEnv.random.bytes(count) },
    fs: setting.fs,
  };
  const log = makeLogger("test", "silent");
  return startDelivery({ wal: setting.wal, sinks, dataDir: "/data", env, log, metrics: setting.metrics });
}

function appendTimes(wal: MemoryWal, ...times: number[]): void {
  for (const time of times) wal.appendScrapes(testScrapeOf("m", 2, time));
}

test("every sink gets every record, those that come later too", async () => {
  const setting = settingOf();
  const [a, b] = [new TestSink("a"), new TestSink("b")];
  appendTimes(setting.wal, 1, 2);
  const delivery = start(setting, a, b);
  await a.until(() => a.times.length === 2);
  appendTimes(setting.wal, 3);
  await Promise.all([a.until(() => a.times.length === 3), b.until(() => b.times.length === 3)]);
  await delivery.stop(graceMs);
  assert.deepEqual([a.times, b.times], [[1, 2, 3], [1, 2, 3]]);
  assert.deepEqual([a.closed, b.closed, setting.wal.openReaders], [1, 1, 0]);
});

test("stopping delivers what is in the log, and the next start goes on behind it", async () => {
  const setting = settingOf();
  appendTimes(setting.wal, 1, 2, 3);
  const first = new TestSink("a");
  const delivery = start(setting, first);
  await delivery.stop(graceMs);
  assert.deepEqual(first.times, [1, 2, 3]);
  assert.deepEqual(setting.wal.trims.at(-1), { segment: 1, offset: 3, entry: 3 });
  appendTimes(setting.wal, 4);
  const second = new TestSink("a");
  await start({ ...setting, metrics: new Registry() }, second).stop(graceMs);
  assert.deepEqual(second.times, [4]);
});

test("a damaged cursor begins at the oldest record", async () => {
  const setting = settingOf();
  appendTimes(setting.wal, 1, 2);
  await start(setting, new TestSink("a")).stop(graceMs);
  const handle = await setting.fs.open("/data/cursors/a.json", "create");
  await handle.truncate(10);
  await handle.close();
  const sink = new TestSink("a");
  await start({ ...setting, metrics: new Registry() }, sink).stop(graceMs);
  assert.deepEqual(sink.times, [1, 2]);
});

test("a dead sink holds up no other, and gets everything when it is back", async () => {
  const setting = settingOf();
  const [dead, live] = [new TestSink("dead"), new TestSink("live")];
  dead.answer = () => ({ outcome: "retry", reason: "HTTP 503" });
  const delivery = start(setting, dead, live);
  appendTimes(setting.wal, 1, 2, 3);
  await Promise.all([live.until(() => live.times.length === 3), dead.until(() => dead.batches.length > 3)]);
  const [stats] = delivery.stats();
  assert.equal(stats?.lastError, "HTTP 503");
  assert.ok((stats?.retries ?? 0) >= 3 && (stats?.lagBytes ?? 0) > 0);
  assert.deepEqual(stats?.position, { segment: 1, offset: 0, entry: 0 });
  assert.equal(stats?.heldRecords, 3);
  dead.answer = taken;
  await dead.until(() => dead.times.length === 3);
  await delivery.stop(graceMs);
  assert.deepEqual(dead.times, [1, 2, 3]);
  assert.equal(delivery.stats()[0]?.lastError, null);
});

test("the log is trimmed no further than the slowest sink has saved", async () => {
  const setting = settingOf();
  const [dead, live] = [new TestSink("dead"), new TestSink("live")];
  const position = { segment: 1, offset: 1, entry: 1 };
  const account = { position, books: newBooks(1, 0), origins: [] };
  await new CursorFile("/data/cursors", "dead", setting.fs).write(account, 1);
  dead.answer = () => ({ outcome: "retry", reason: "HTTP 503" });
  appendTimes(setting.wal, 1, 2, 3);
  const delivery = start(setting, dead, live);
  await live.until(() => live.times.length === 3);
  await delivery.stop(graceMs);
  assert.deepEqual(setting.wal.trims, [position]);
  const at = (segment: number, offset: number) => ({ segment, offset, entry: 0 });
  assert.equal(slowestPosition([at(1, 9), at(1, 8), at(2, 0)])?.offset, 8);
  assert.equal(slowestPosition([at(1, 9), null]), null);
  assert.equal(slowestPosition([]), null);
});

test("refused records become dead letters, the others of their batch arrive", async () => {
  const setting = settingOf();
  const sink = new TestSink("tsdb");
  const refuses = (batch: Batch) => batch.scrapes.some(({ timestampMs }) => timestampMs === 3);
  sink.answer = (batch) => refuses(batch) ? { outcome: "rejected", reason: "HTTP 400: old" } : taken(batch);
  appendTimes(setting.wal, 1, 2, 3, 4, 5);
  const delivery = start(setting, sink);
  await delivery.stop(graceMs);
  assert.deepEqual(sink.times, [1, 2, 4, 5]);
  const [stats] = delivery.stats();
  assert.deepEqual([stats?.deliveredSamples, stats?.rejectedSamples, stats?.rejectedRecords], [8, 2, 1]);
  const text = new TextDecoder().decode(await setting.fs.readFile("/data/dead-letter/tsdb.jsonl"));
  const letters = text.trimEnd().split("\n").map((line): { reason: string; timestampMs: number } => JSON.parse(line));
  assert.deepEqual(letters.map(({ reason, timestampMs }) => [reason, timestampMs]), [["HTTP 400: old", 3]]);
});

test("batches respect the sink's maximum of samples", async () => {
  const setting = settingOf();
  const sink = Object.assign(new TestSink("a"), { batchSamplesMax: 5 });
  appendTimes(setting.wal, 1, 2, 3, 4, 5);
  await start(setting, sink).stop(graceMs);
  assert.deepEqual(sink.batches.map((batch) => batch.sampleCount), [4, 4, 2]);
});

test("opaque records, declared losses and records that cannot be resolved are counted", async () => {
  const setting = settingOf();
  const lost = { firstSequence: 1, lastSequence: 7, records: 7, samples: 70, oldestMs: 1, newestMs: 2, reason: "full" };
  setting.wal.append({ kind: "lost", origin: testOrigin, lost });
  const { record } = testOpaque("{}");
  setting.wal.append({
    kind: "opaque",
    origin: null,
    sequence: 0,
    frameType: 3,
    id: 9n,
    timestampNs: 0n,
    body: record,
  });
  setting.wal.append({ kind: "scrapes", origin: testOrigin, sequence: 1, body: Uint8Array.of(1) });
  const sink = new TestSink("a");
  const delivery = start(setting, sink);
  await delivery.stop(graceMs);
  const { lostRecords, deliveredRecords, unresolvedRecords, lagBytes } = delivery.stats()[0] ?? {};
  assert.deepEqual([lostRecords, deliveredRecords, unresolvedRecords, lagBytes], [7, 1, 1, 0]);
  assert.equal(sink.batches[0]?.opaque[0]?.dataId, 9);
});

test("a log that cannot be read for a while is read on where it was", async () => {
  const setting = settingOf();
  appendTimes(setting.wal, 1);
  const sink = new TestSink("a");
  const delivery = start(setting, sink);
  await sink.until(() => sink.times.length === 1);
  setting.wal.readFailures.push(new Error("EIO"), new Error("EIO"));
  appendTimes(setting.wal, 2);
  await sink.until(() => sink.times.length === 2);
  await delivery.stop(graceMs);
  assert.deepEqual(sink.times, [1, 2]);
  assert.equal(setting.wal.openReaders, 0);
});

test("a sink that throws is tried again, and the others go on", async () => {
  const setting = settingOf();
  const [broken, live] = [new TestSink("broken"), new TestSink("live")];
  broken.answer = () => Promise.reject(new TypeError("defect"));
  const delivery = start(setting, broken, live);
  appendTimes(setting.wal, 1, 2);
  await live.until(() => live.times.length === 2);
  await delivery.stop(graceMs);
  assert.ok(broken.batches.length >= 1);
  assert.equal(delivery.stats()[0]?.lastError, "defect");
});

test("a delivery that hangs is aborted when the grace is over", async () => {
  const setting = settingOf();
  const sink = new TestSink("a");
  sink.answer = (_batch, signal) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve({ outcome: "retry", reason: "stopped" }), { once: true });
    });
  appendTimes(setting.wal, 1);
  const delivery = start(setting, sink);
  await delivery.stop(20);
  assert.deepEqual([sink.batches.length, sink.closed, sink.times.length], [1, 1, 0]);
});

test("a delivery that does not even heed its signal is left behind", async () => {
  const setting = settingOf();
  const sink = new TestSink("a");
  sink.answer = () => new Promise(() => {});
  appendTimes(setting.wal, 1);
  const delivery = start(setting, sink);
  await delivery.stop(0);
  assert.equal(sink.closed, 1);
});

test("the lag is zero exactly when a sink has everything", async () => {
  const setting = settingOf();
  const sink = new TestSink("a");
  let open = () => {};
  const gate = new Promise<void>((resolve) => open = resolve);
  appendTimes(setting.wal, 1, 2, 3);
  const delivery = start(setting, sink);
  sink.answer = async (batch) => {
    await gate;
    return taken(batch);
  };
  assert.ok((delivery.stats()[0]?.lagBytes ?? 0) > 0);
  open();
  await delivery.stop(graceMs);
  assert.equal(delivery.stats()[0]?.lagBytes, 0);
});

test("what happens to a sink shows in the metrics", async () => {
  const setting = settingOf();
  appendTimes(setting.wal, 1, 2);
  const delivery = start(setting, new TestSink("a"));
  await delivery.stop(graceMs);
  for (const _ of [1, 2]) {
    const text = await setting.metrics.metrics();
    assert.match(text, /^bcs_metric_exporter_sink_delivered_samples_total\{sink="a"\} 4$/m);
    assert.match(text, /^bcs_metric_exporter_sink_rejected_samples_total\{sink="a"\} 0$/m);
    assert.match(text, /^bcs_metric_exporter_sink_lag_bytes\{sink="a"\} 0$/m);
  }
});

test("counters begin anew with the process, while the ledger goes on", async () => {
  const setting = settingOf();
  appendTimes(setting.wal, 1, 2);
  await start(setting, new TestSink("a")).stop(graceMs);
  const next = { ...setting, metrics: new Registry() };
  appendTimes(next.wal, 3);
  await start(next, new TestSink("a")).stop(graceMs);
  const text = await next.metrics.metrics();
  assert.match(text, /^bcs_metric_exporter_sink_delivered_samples_total\{sink="a"\} 2$/m);
  assert.match(text, /^bcs_metric_exporter_sink_settled_records_total\{sink="a",outcome="delivered"\} 1$/m);
  assert.match(text, /^bcs_metric_exporter_sink_ledger_records\{sink="a",outcome="delivered"\} 3$/m);
});

test("a dead, a slow and a good sink do not disturb each other, and their books say where everything is", async () => {
  const setting = settingOf();
  const [dead, slow, good] = [new TestSink("dead"), new TestSink("slow"), new TestSink("good")];
  let open = () => {};
  const gate = new Promise<void>((resolve) => open = resolve);
  dead.answer = () => ({ outcome: "retry", reason: "HTTP 401", alarm: true });
  slow.answer = async (batch) => {
    await gate;
    return taken(batch);
  };
  const delivery = start(setting, dead, slow, good);
  appendTimes(setting.wal, 1, 2, 3);
  await good.until(() => good.times.length === 3);
  await dead.until(() => dead.batches.length > 1);
  const outcome = () =>
    delivery.books().map(({ books, heldEntries }) => [books.settled.delivered.entries, heldEntries]);
  assert.deepEqual(outcome(), [[0, 3], [0, 3], [3, 0]]);
  assert.deepEqual(delivery.stats().map(({ alarm }) => alarm), [true, false, false]);
  assert.match(await setting.metrics.metrics(), /^bcs_metric_exporter_sink_alarm\{sink="dead"\} 1$/m);
  open();
  await slow.until(() => slow.times.length === 3);
  await delivery.stop(graceMs);
  assert.deepEqual(outcome(), [[0, 3], [3, 0], [3, 0]]);
});

test("dead letters are sent again beside what is delivered, and counted", async () => {
  const setting = settingOf();
  const sink = new TestSink("tsdb");
  sink.answer = () => ({ outcome: "rejected", reason: "HTTP 400" });
  appendTimes(setting.wal, 1, 2);
  const delivery = start(setting, sink);
  await sink.until(() => sink.batches.length === 3);
  sink.answer = taken;
  appendTimes(setting.wal, 3);
  await sink.until(() => sink.times.includes(3));
  assert.equal((await delivery.deadLetters("tsdb"))?.length, 2);
  const result = await delivery.resend("tsdb");
  assert.deepEqual(result?.delivered, { entries: 2, samples: 4 });
  assert.deepEqual(sink.times, [3, 1, 2]);
  assert.equal(delivery.resend("none"), null);
  await delivery.stop(graceMs);
  const { settled, notes } = delivery.books()[0]?.books ?? {};
  assert.deepEqual([settled?.rejected.entries, notes?.resent.entries, settled?.delivered.entries], [2, 2, 1]);
});

test("what no route leads to a sink is settled for it, and no loss", async () => {
  const setting = settingOf();
  const sink = new TestSink("a");
  const env = { clock: systemEnv.clock, random: systemEnv.random, fs: setting.fs };
  appendTimes(setting.wal, 1, 2);
  const routes = readRoutes({ sinks: [{ name: "a" }], routes: [{ match: { namespace: "bank" }, sinks: ["a"] }] }, "");
  const log = makeLogger("test", "silent");
  const { wal, metrics } = setting;
  const delivery = startDelivery({ wal, sinks: [sink], routes, dataDir: "/data", env, log, metrics });
  await delivery.stop(graceMs);
  const [books] = delivery.books();
  assert.deepEqual([sink.batches.length, books?.heldEntries], [0, 0]);
  assert.deepEqual(books?.books.settled.notRouted, { entries: 2, samples: 4 });
});
