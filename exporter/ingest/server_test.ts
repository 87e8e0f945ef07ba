import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { decodeSessionError } from "../../core/protocol/session.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { TestClient } from "./client_testing.ts";
import { FakeWal } from "./fake_wal_testing.ts";
import { type Ingest, type IngestOptions, startIngest } from "./server.ts";
import { frame, helloFrame, lostFrame, scrapesFrame, shapeFrames } from "./session_testing.ts";

interface Fixture {
  readonly ingest: Ingest;
  readonly wal: FakeWal;
  readonly metrics: Registry;
  readonly logged: Record<string, unknown>[];
  readonly client: () => TestClient;
  /** A collector that has been welcomed and has sent its shapes. */
  readonly collector: (name?: string) => Promise<TestClient>;
}

async function start(context: TestContext, changes: Partial<IngestOptions> = {}): Promise<Fixture> {
  const wal = new FakeWal();
  const metrics = new Registry();
  const logged: Record<string, unknown>[] = [];
  const log = makeLogger("exporter", "debug", { write: (line) => void logged.push(JSON.parse(line)) });
  const address = { host: "127.0.0.1", port: 0 };
  const ingest = await startIngest({ env: systemEnv, log, metrics, wal, address, exporter: "exporter-0", ...changes });
  const clients: TestClient[] = [];
  context.after(async () => {
    for (const one of clients) one.destroy();
    wal.sync();
    await ingest.stop();
  });
  const client = () => {
    const one = new TestClient(ingest.address);
    clients.push(one);
    return one;
  };
  const collector = async (name = "collector-0") => {
    const one = client();
    one.send(helloFrame({ name }));
    await one.frames(1);
    one.send(...shapeFrames);
    return one;
  };
  return { ingest, wal, metrics, logged, client, collector };
}

function errorOf(client: TestClient): { code: number; message: string } {
  const last = client.received.at(-1);
  assert.equal(last?.type, FrameType.error);
  return decodeSessionError(last.body);
}

test("a collector gets one ACK for each group fsync", async (context) => {
  const { wal, ingest, collector } = await start(context);
  const client = await collector();
  client.send(scrapesFrame(1), scrapesFrame(2), scrapesFrame(3));
  await wal.appended(3);
  assert.ok(ingest.stats().unacknowledgedBytes > 0);
  wal.sync();
  client.send(frame(FrameType.record, 7, new TextEncoder().encode("{}")), lostFrame(5, 6));
  await wal.appended(5);
  wal.sync();
  assert.deepEqual(await client.frames(3), ["welcome 0", "ack 3", "ack 6"]);
  const { connections, sessions, receivedSamples, receivedRecords, durableRecords, unacknowledgedBytes } = ingest
    .stats();
  assert.deepEqual([connections, sessions, receivedSamples], [1, 1, 6]);
  assert.deepEqual([receivedRecords, durableRecords, unacknowledgedBytes], [5, 5, 0]);
});

test("a collector that comes again resumes after what was durable, and replaces its earlier connection", async (context) => {
  const { wal, client, collector } = await start(context);
  const first = await collector();
  first.send(scrapesFrame(1), scrapesFrame(2));
  await wal.appended(2);
  const second = client();
  second.send(helloFrame());
  // The first is sent away before its records are durable; the second is welcomed only after.
  await first.closed;
  assert.match(errorOf(first).message, /connected anew/);
  assert.deepEqual(second.received, []);
  wal.sync();
  assert.deepEqual(await second.frames(1), ["welcome 2"]);
  second.send(scrapesFrame(2), scrapesFrame(3));
  await wal.appended(3);
  wal.sync();
  assert.deepEqual(await second.frames(2), ["welcome 2", "ack 3"]);
  assert.deepEqual(wal.records.map((record) => record.kind === "scrapes" && record.sequence), [1, 2, 3]);
});

test("an older start of a connected collector is refused", async (context) => {
  const { client, collector } = await start(context);
  const newer = await collector();
  const older = client();
  older.send(helloFrame({ epoch: 4n }));
  await older.closed;
  assert.match(errorOf(older).message, /epoch 5 is connected/);
  newer.send(frame(FrameType.heartbeat, 0));
  assert.deepEqual(await newer.frames(2), ["welcome 0", "heartbeat 0"]);
});

test("an old client's records are appended and its heartbeats answered", async (context) => {
  const { wal, client } = await start(context);
  const old = client();
  old.send(frame(FrameType.blueKing, 1234, new TextEncoder().encode("no JSON")), frame(FrameType.heartbeat, 0));
  assert.deepEqual(await old.frames(1), ["heartbeat 0"]);
  assert.equal(old.received[0]?.body.length, 0);
  wal.sync();
  const [record] = wal.records;
  assert.ok(record?.kind === "opaque");
  assert.deepEqual([record.origin, record.id, new TextDecoder().decode(record.body)], [null, 1234n, "no JSON"]);
});

test("a stream that is not frames closes only its own connection, with the reason logged and counted", async (context) => {
  const { wal, client, collector, logged, metrics } = await start(context);
  const good = await collector();
  const stranger = client();
  stranger.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await stranger.closed;
  const greedy = await collector("collector-1");
  const oversized = new Uint8Array(32);
  new DataView(oversized.buffer).setBigUint64(0, 0x75062D90E03C798An);
  new DataView(oversized.buffer).setUint32(12, 16 * 1024 * 1024 + 1);
  greedy.write(oversized);
  await greedy.closed;
  assert.deepEqual([stranger.received, await greedy.frames(1)], [[], ["welcome 0"]]);
  const reasons = logged.filter(({ msg }) => msg === "connection closed").map(({ reason }) => reason);
  assert.deepEqual(reasons, ["magic", "length"]);
  assert.equal(logged.find(({ reason }) => reason === "length")?.["collector"], "c1/shop/collector-1");
  const text = await metrics.metrics();
  assert.match(text, /bcs_metric_exporter_connections_closed_total\{reason="magic"\} 1/);
  assert.match(text, /bcs_metric_exporter_received_frames_total\{type="schema"\} 4/);
  good.send(scrapesFrame(1));
  await wal.appended(1);
});

test("a protocol error is told to the collector before its connection ends", async (context) => {
  const { collector } = await start(context);
  const client = await collector();
  client.send(scrapesFrame(2));
  await client.closed;
  assert.deepEqual(errorOf(client), { code: 1, message: "Cannot take sequence 2: 1 is next" });
});

test("a connection above the maximum is refused with ERROR overloaded", async (context) => {
  const { collector, client } = await start(context, { connectionsMax: 1 });
  await collector();
  const second = client();
  await second.closed;
  assert.deepEqual(errorOf(second), { code: 5, message: "there are 1 connections already" });
});

test("incomplete frames are bounded over all connections", async (context) => {
  const { collector, metrics } = await start(context, { heldBytesMax: 1000 });
  const half = new Uint8Array(600).fill(1);
  half.set(encodeHeader(5000));
  const first = await collector();
  first.write(half);
  const second = await collector("collector-1");
  second.write(half);
  await Promise.race([first.closed, second.closed]);
  const ended = [first, second].filter(({ received }) => received.at(-1)?.type === FrameType.error);
  assert.deepEqual(ended.map((one) => errorOf(one).code), [5]);
  assert.match(await metrics.metrics(), /bcs_metric_exporter_incomplete_frame_bytes 600/);
});

test("nothing is read while the log does not accept more", async (context) => {
  const { wal, collector } = await start(context);
  const client = await collector();
  wal.accepts = false;
  client.send(scrapesFrame(1));
  await wal.appended(1);
  client.send(scrapesFrame(2), frame(FrameType.heartbeat, 0));
  wal.sync();
  assert.deepEqual(await client.frames(2), ["welcome 0", "ack 1"], "acknowledgements still go out");
  assert.equal(wal.records.length, 1);
  wal.accepts = true;
  wal.sync();
  await wal.appended(2);
  assert.deepEqual(await client.frames(3), ["welcome 0", "ack 1", "heartbeat 0"]);
});

test("stopping acknowledges what was taken, then sends collectors away", async (context) => {
  const { wal, ingest, collector } = await start(context);
  const client = await collector();
  client.send(scrapesFrame(1));
  await wal.appended(1);
  const stopped = ingest.stop();
  client.send(scrapesFrame(2));
  wal.sync();
  await stopped;
  await client.closed;
  assert.deepEqual(await client.frames(3), ["welcome 0", "ack 1", "error 0"]);
  assert.equal(errorOf(client).code, 4);
  assert.equal(wal.records.length, 1);
});

test("collectors are sent away when the log has failed", async (context) => {
  const { wal, collector, client: connect } = await start(context);
  const client = await collector();
  wal.failed = true;
  client.send(scrapesFrame(1));
  await client.closed;
  assert.deepEqual(errorOf(client), { code: 4, message: "the exporter cannot write its log" });
  const late = connect();
  await late.closed;
  assert.equal(errorOf(late).code, 4);
});

function encodeHeader(bodyBytes: number): Uint8Array {
  const header = new Uint8Array(32);
  const view = new DataView(header.buffer);
  view.setBigUint64(0, 0x75062D90E03C798An);
  view.setUint32(8, FrameType.scrapes);
  view.setUint32(12, bodyBytes);
  return header;
}
