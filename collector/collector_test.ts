import assert from "node:assert/strict";
import { cp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { UserError } from "../core/errors.ts";
import { unusedAddress } from "../core/scrape/testing/target_server.ts";
import { collectionPath } from "./testing/collections.ts";
import { assign, Bench, eventually, get, write } from "./testing/running_collector.ts";

const bench = new Bench();
afterEach(() => bench.clean());

test("what its collection lists is scraped and arrives, and a change takes effect", async () => {
  const [volume, exporter] = [await bench.folder(), await bench.exporter()];
  const address = await bench.target('requests{code="200"} 10\n');
  const down = await unusedAddress();
  await assign(volume, 1, [{ address, pod: "cart-0", labels: { app: "cart" } }, { address: down }]);
  const collector = await bench.collector({ volume, exporter: exporter.address });

  const sample = await exporter.sample(({ name }) => name === "requests");
  assert.deepEqual(sample.labels, {
    cluster: "BCS-K8S-00001",
    namespace: "shop",
    metric: "cart",
    instance: address,
    pod: "cart-0",
    app: "cart",
    code: "200",
  });
  assert.ok(Math.abs(sample.timestampMs - Date.now()) < 5000);
  await exporter.sample(({ name, labels, value }) => name === "up" && labels["instance"] === down && value === 0);
  const [hello] = exporter.hellos;
  assert.deepEqual([hello?.name, hello?.namespace, hello?.token], ["bcs-collector-shop-0", "shop", "secret"]);
  assert.ok((hello?.epoch ?? 0n) > 1_700_000_000_000n);

  const shown = JSON.parse((await get(collector, "/v1/targets")).text);
  assert.equal(shown.generation, 1);
  const errors = shown.targets.map((one: { address: string; error: string }) => [one.address, one.error]);
  assert.deepEqual(Object.fromEntries(errors), { [address]: "", [down]: "connection refused" });

  const other = await bench.target("other 1\n");
  await assign(volume, 2, [{ address: other }]);
  await exporter.sample(({ name }) => name === "other");
  assert.equal(JSON.parse((await get(collector, "/v1/targets")).text).targets.length, 1);
});

test("an edited collection leaves the last good one in force, and the problem is shown", async () => {
  const [volume, exporter] = [await bench.folder(), await bench.exporter()];
  await assign(volume, 1, [{ address: await unusedAddress() }]);
  const collector = await bench.collector({ volume, exporter: exporter.address });
  const text = await readFile(join(volume, collectionPath), "utf8");
  await write(volume, collectionPath, text.replace("/metrics", "/other"));
  const ask = async () => JSON.parse((await get(collector, "/v1/targets")).text);
  const shown = await eventually(ask, (answer) => answer.problem !== "");
  assert.match(shown.problem, /edited by hand/);
  assert.equal(shown.generation, 1);
  assert.equal(shown.targets.length, 1);
  await rm(join(volume, collectionPath));
  await eventually(ask, (answer) => answer.targets.length === 0 && answer.generation === 0);
});

test("a restart without the volume goes on with the last good assignment", async () => {
  const [volume, data, exporter] = [await bench.folder(), await bench.folder(), await bench.exporter()];
  await assign(volume, 1, [{ address: await bench.target("a 1\n") }]);
  const first = await bench.collector({ volume, data, exporter: exporter.address });
  await exporter.sample(({ name }) => name === "a");
  await first.stop();
  await rename(volume, `${volume}.away`);
  bench.defer(() => rm(`${volume}.away`, { recursive: true, force: true }));
  const before = exporter.samples.length;
  const second = await bench.collector({ volume, data, exporter: exporter.address });
  await exporter.sample((sample) => sample.name === "a" && exporter.samples.indexOf(sample) >= before);
  assert.equal((await get(second, "/readyz")).status, 200);
  const [one, two] = exporter.hellos;
  assert.ok((two?.epoch ?? 0n) > (one?.epoch ?? 0n));
});

test("without a volume and without an earlier assignment there is nothing to start with", async () => {
  const missing = join(await bench.folder(), "missing");
  await assert.rejects(bench.collector({ volume: missing }), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^Cannot use ".*missing" as the volume/);
    return true;
  });
});

test("after a kill, what no exporter has acknowledged is sent by the next start under its old epoch", async () => {
  const [volume, data, exporter] = [await bench.folder(), await bench.folder(), await bench.exporter()];
  exporter.acknowledges = false;
  await assign(volume, 1, [{ address: await bench.target("a 1\n") }]);
  const first = await bench.collector({ volume, data, exporter: exporter.address });
  await exporter.sample((sample) => sample.name === "a");
  // What a process that is killed now would leave behind.
  const left = await bench.folder();
  await cp(data, left, { recursive: true });
  exporter.acknowledges = true;
  exporter.drop();
  await first.stop();
  const before = exporter.hellos.length;
  const second = await bench.collector({ volume, data: left, exporter: exporter.address });
  const hellos = await eventually(() => Promise.resolve(exporter.hellos.slice(before)), (list) => list.length >= 2);
  assert.equal(hellos[0]?.epoch, exporter.hellos[0]?.epoch);
  assert.ok((hellos[1]?.epoch ?? 0n) > (hellos[0]?.epoch ?? 0n));
  const { text } = await get(second, "/metrics");
  assert.match(text, /^bcs_metric_collector_recovered_records_total(\{.*\})? [1-9]/m);
  assert.match(text, /^bcs_metric_collector_spool_disk_ok(\{.*\})? 1$/m);
});
