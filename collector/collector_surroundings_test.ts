import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import type { RegistryRecord } from "../core/registry/records.ts";
import { readStatus, statusPath } from "../core/registry/status.ts";
import { makeRegistry } from "../core/registry/store_registry.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { parseAddress } from "../core/runtime/system_net.ts";
import { unusedAddress } from "../core/scrape/testing/target_server.ts";
import { openVolume } from "../core/store/volume_store.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { assign, Bench, eventually, get, identity } from "./testing/running_collector.ts";

const bench = new Bench();
afterEach(() => bench.clean());

test("a collector is in the registry and writes its status while it runs", async () => {
  const [volume, exporter] = [await bench.folder(), await bench.exporter()];
  await assign(volume, 4, [{ address: await bench.target("a 1\nb 2\n") }]);
  const collector = await bench.collector({ volume, exporter: exporter.address });
  const record = join(volume, ".bcs-metric/registry/collector/BCS-K8S-00001.shop.bcs-collector-shop-0.json");
  const announced = JSON.parse(await readFile(record, "utf8")).record;
  assert.equal(announced.metric_port, collector.httpAddress.port);
  const loads = ["residentBytes", "samplesPerSecond", "targets", "unacknowledgedBytes", "unacknowledgedRecords"];
  // Rates need some time before there are any.
  const told = Object.keys(announced.load).filter((name) => !["cpuPercent", "lagMs"].includes(name));
  assert.deepEqual(told.toSorted(), loads);
  const place = join(volume, statusPath("BCS-K8S-00001", "shop", identity.name));
  const ask = async () => readStatus(await readFile(place, "utf8"));
  const read = await eventually(ask, (answer) => answer.ok && answer.status.targets[0]?.health === "up");
  assert.ok(read.ok);
  assert.equal(read.status.generation, 4);
  assert.equal(read.status.targets[0]?.samples, 2);
  await collector.stop();
  await assert.rejects(readFile(record), { code: "ENOENT" });
});

test("the exporter is found in the registry when none is given", async () => {
  const [volume, exporter] = [await bench.folder(), await bench.exporter()];
  await assign(volume, 1, [{ address: await bench.target("a 1\n") }]);
  const { host, port } = parseAddress(exporter.address);
  const record: RegistryRecord = {
    ip: host,
    port,
    metric_port: 1,
    hostname: "h",
    scheme: "http",
    version: "0.1.0",
    cluster: "",
    pid: 1,
    module: "exporter",
    id: "exporter-0",
    namespace: "",
    load: { connections: 0 },
    instance: "i",
  };
  const log = makeLogger("test", "silent");
  const store = await openVolume({ root: volume, env: systemEnv, log });
  bench.defer(() => store.close());
  const registration = await makeRegistry({ store, clock: systemEnv.clock, log }).register(() => record);
  bench.defer(() => registration.close());
  await bench.collector({ volume });
  await exporter.sample(({ name }) => name === "a");
});

test("at the end everything is acknowledged before the collector is gone", async () => {
  const [volume, exporter] = [await bench.folder(), await bench.exporter()];
  exporter.acknowledges = false;
  await assign(volume, 1, [{ address: await bench.target("a 1\n") }]);
  const collector = await bench.collector({ volume, exporter: exporter.address });
  await exporter.sample(({ name }) => name === "a");
  const began = performance.now();
  const stopped = collector.stop();
  const metrics = await get(collector, "/metrics");
  assert.match(metrics.text, /^bcs_metric_collector_unacknowledged_records\{[^}]*\} [1-9]/m);
  // The session ends, and the next one acknowledges what is sent again.
  exporter.acknowledges = true;
  exporter.drop();
  await stopped;
  assert.ok(performance.now() - began < 4500, "the collector must not wait longer than it needs to");
});

test("its own metrics, health and readiness are served", async () => {
  const [volume, exporter] = [await bench.folder(), await bench.exporter()];
  const collector = await bench.collector({ volume, exporter: exporter.address });
  assert.equal((await get(collector, "/healthz")).status, 200);
  assert.deepEqual(await get(collector, "/readyz"), { status: 503, text: "not ready: no assignment yet\n" });
  await assign(volume, 1, [{ address: await bench.target("a 1\nb 2\n") }, { address: await unusedAddress() }]);
  await eventually(() => get(collector, "/readyz"), ({ status }) => status === 200);
  const { text } = await eventually(
    () => get(collector, "/metrics"),
    (metrics) =>
      ["up", "down"].every((health) => new RegExp(`_targets\\{health="${health}",[^}]*\\} 1$`, "m").test(metrics.text)),
  );
  const names = [
    "scraped_samples_total",
    "scrape_duration_seconds_bucket",
    "scrape_lateness_seconds_bucket",
    "missed_ticks_total",
    "unacknowledged_records",
    "unacknowledged_bytes",
  ];
  for (const name of names) assert.match(text, new RegExp(`^bcs_metric_collector_${name}\\{`, "m"));
  assert.match(text, /^bcs_metric_collector_targets\{health="up",component="collector"\} 1$/m);
  assert.match(text, /^bcs_metric_collector_generation\{component="collector"\} 1$/m);
});
