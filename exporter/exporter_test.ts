import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { FrameType } from "../core/protocol/frame.ts";
import type { RegistryRecord } from "../core/registry/records.ts";
import type { SocketAddress } from "../core/runtime/env.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { formatAddress, systemNetwork } from "../core/runtime/system_net.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { Registry } from "../core/telemetry/metrics.ts";
import { type Exporter, type ExporterOptions, startExporter } from "./exporter.ts";
import type { ExporterStatus } from "./http.ts";
import { TestClient } from "./ingest/client_testing.ts";
import { frame, helloFrame, scrapesFrame, shapeFrames } from "./ingest/session_testing.ts";
import { readSinks } from "./sinks/mod.ts";

const anyPort = { host: "127.0.0.1", port: 0 };
const log = makeLogger("exporter", "silent");

async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-exporter-"));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function start(dataDir: string, changes: Partial<ExporterOptions> = {}): Promise<Exporter> {
  return await startExporter({
    name: "exporter-0",
    cluster: "c1",
    dataDir,
    listen: anyPort,
    http: anyPort,
    sinks: await readSinks({}, "", { env: systemEnv, dataDir, log, variables: {} }),
    registry: null,
    env: systemEnv,
    log,
    metrics: new Registry(),
    ...changes,
  });
}

function fetchFrom(address: SocketAddress, path: string): Promise<Response> {
  return fetch(`http://${formatAddress(address)}${path}`);
}

async function exportedLines(dataDir: string): Promise<unknown[]> {
  const folder = join(dataDir, "export");
  const texts = await Promise.all(
    (await readdir(folder)).toSorted().map((name) => readFile(join(folder, name), "utf8")),
  );
  return texts.join("").split("\n").filter((line) => line !== "").map((line): unknown => JSON.parse(line));
}

test("what is acknowledged reaches the sink, and a restart resumes after it", async (context) => {
  const dataDir = await temporaryFolder(context);
  const first = await start(dataDir);
  const client = new TestClient(first.listen);
  client.send(helloFrame());
  await client.frames(1);
  client.send(...shapeFrames, scrapesFrame(1, [10, 11]));
  client.send(frame(FrameType.record, 1500001, new TextEncoder().encode(`{"data":"opaque"}`)));
  // Two ACKs when the two records were fsynced in two groups.
  await client.frames(2);
  while (client.received.at(-1)?.id !== 2n) await client.frames(client.received.length + 1);
  const { receivedSamples, receivedRecords, durableRecords, unacknowledgedBytes } = first.status();
  assert.deepEqual([receivedSamples, receivedRecords, durableRecords, unacknowledgedBytes], [2, 2, 2, 0]);
  await first.stop();
  await client.closed;
  assert.deepEqual(await exportedLines(dataDir), [
    { name: "up", labels: { instance: "127.0.0.1:1" }, value: 10, timestampMs: 1_700_000_000_001 },
    { name: "up", labels: { a: "b", instance: "127.0.0.1:1" }, value: 11, timestampMs: 1_700_000_000_001 },
    { dataId: 1500001, timestampMs: 0, record: { data: "opaque" } },
  ]);

  const second = await start(dataDir);
  const again = new TestClient(second.listen);
  again.send(helloFrame());
  assert.deepEqual(await again.frames(1), ["welcome 2"]);
  // The shapes are known from the log.
  again.send(scrapesFrame(3));
  assert.deepEqual(await again.frames(2), ["welcome 2", "ack 3"]);
  await second.stop();
  assert.equal((await exportedLines(dataDir)).length, 5);
});

test("an old client's record is delivered without an acknowledgement", async (context) => {
  const dataDir = await temporaryFolder(context);
  const exporter = await start(dataDir);
  const old = new TestClient(exporter.listen);
  old.send(frame(FrameType.blueKing, 0, new TextEncoder().encode(`{"dataid":77}`)), frame(FrameType.heartbeat, 0));
  assert.deepEqual(await old.frames(1), ["heartbeat 0"]);
  await exporter.stop();
  await old.closed;
  assert.equal(old.received.length, 1);
  assert.deepEqual(await exportedLines(dataDir), [{ dataId: 77, timestampMs: 0, record: { dataid: 77 } }]);
});

test("health, metrics and status are served", async (context) => {
  const exporter = await start(await temporaryFolder(context));
  context.after(() => exporter.stop());
  assert.equal((await fetchFrom(exporter.http, "/healthz")).status, 200);
  assert.equal(await (await fetchFrom(exporter.http, "/readyz")).text(), "ok\n");
  const metrics = await (await fetchFrom(exporter.http, "/metrics")).text();
  assert.match(metrics, /^bcs_metric_exporter_connections 0$/m);
  const status = await (await fetchFrom(exporter.http, "/v1/status")).json() as ExporterStatus;
  assert.deepEqual(
    [status.connections, status.receivedSamples, status.wal.condition, status.sinks.map(({ name }) => name)],
    [0, 0, "good", ["file"]],
  );
});

test("an exporter announces itself while it runs", async (context) => {
  const announced: (() => RegistryRecord)[] = [];
  let withdrawn = false;
  const registry = {
    register(record: () => RegistryRecord) {
      announced.push(record);
      return Promise.resolve({ close: () => Promise.resolve(void (withdrawn = true)) });
    },
    watch: () => Promise.reject(new Error("The exporter watches nothing")),
  };
  const exporter = await start(await temporaryFolder(context), { registry });
  const record = announced[0]?.();
  assert.deepEqual([record?.id, record?.module, record?.cluster], ["exporter-0", "exporter", "c1"]);
  assert.deepEqual([record?.ip, record?.port, record?.metric_port], [
    "127.0.0.1",
    exporter.listen.port,
    exporter.http.port,
  ]);
  assert.equal(record?.load["connections"], 0);
  await exporter.stop();
  assert.ok(withdrawn);
});

test("a port in use is told by its address, and leaves nothing behind", async (context) => {
  const dataDir = await temporaryFolder(context);
  const taken = await systemNetwork.listen(anyPort, () => ({ data: () => {}, close: () => {} }));
  context.after(() => taken.close());
  const reason = new RegExp(`Cannot listen on 127.0.0.1:${taken.address.port}: the port is in use`);
  await assert.rejects(start(dataDir, { listen: taken.address }), reason);
  await assert.rejects(start(dataDir, { http: taken.address }), reason);
  const exporter = await start(dataDir);
  await exporter.stop();
});

test("stopping twice is stopping once", async (context) => {
  const exporter = await start(await temporaryFolder(context));
  await Promise.all([exporter.stop(), exporter.stop()]);
  await assert.rejects(fetchFrom(exporter.http, "/healthz"));
});
