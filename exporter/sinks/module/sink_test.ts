import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import type { Batch, DeliveryOutcome, Sink } from "../../sink.ts";
import { makeStale, testBatch, testOpaque, testScrape, testScrapeOf } from "../batch_testing.ts";
import { loadModuleSink, type ModuleConfig } from "./sink.ts";

const never = new AbortController().signal;
const deps = { clock: systemEnv.clock, log: makeLogger("test", "silent") };
const config: ModuleConfig = { name: "own", type: "module", path: "", options: {}, timeoutMs: 10_000 };
const batch = testBatch([testScrapeOf("m", 3)], [testOpaque("{}")]);

async function folderOf(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-module-"));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function load(context: TestContext, source: string, changes: Partial<ModuleConfig> = {}): Promise<Sink> {
  const path = join(await folderOf(context), "sink.mjs");
  await writeFile(path, source);
  return await loadModuleSink({ ...config, ...changes }, path, deps);
}

test("the example in docs/ writes samples, and tells what it cannot carry", async (context) => {
  const file = join(await folderOf(context), "metrics.lp");
  const path = fileURLToPath(new URL("../../../docs/examples/line_protocol.mjs", import.meta.url));
  const sink = await loadModuleSink({ ...config, options: { file } }, path, deps);
  assert.deepEqual([sink.name, sink.type, sink.batchSamplesMax], ["own", "module", 10_000]);
  const scrape = testScrape([[
    { name: "a", labels: { path: "/x y", job: "own" }, value: 1.5 },
    { name: "b", value: NaN },
    { name: "c", value: 2, timestampMs: 7 },
    { name: "d", value: 0 },
  ]], { timestampMs: 1000 });
  makeStale(scrape, 3);
  const outcome = await sink.deliver(testBatch([scrape], [testOpaque("{}")]), never);
  assert.deepEqual(outcome, {
    outcome: "delivered",
    samples: 2,
    records: 1,
    notCarriedSamples: 2,
    notCarriedRecords: 1,
  });
  assert.equal(
    await readFile(file, "utf8"),
    "a,instance=10.0.0.1:9100,job=own,path=/x\\ y value=1.5 1000000000\n"
      + "c,instance=10.0.0.1:9100,job=shop value=2 7000000\n",
  );
  await sink.close();
  await assert.rejects(loadModuleSink(config, path, deps), {
    name: "RangeError",
    message: /its default export failed: options\.file must name/,
  });
});

test("what a module lacks is told when it is loaded", async (context) => {
  async function check(source: string, want: RegExp) {
    await assert.rejects(load(context, source), (error: Error) => {
      assert.equal(error.name, "RangeError");
      assert.match(error.message, want);
      return true;
    });
  }
  await check("export const x = 1;", /must have a function as its default export/);
  await check("export default { deliver() {} };", /must have a function as its default export/);
  await check("export default () => undefined;", /must return an object with deliver\(batch, signal\), not undefined/);
  await check("export default () => ({ close() {} });", /has no method deliver\(batch, signal\)/);
  await check("export default () => ({ deliver() {}, close: 1 });", /close .* is no method/);
  await check("export default () => ({ deliver() {}, batchSamplesMax: 0 });", /batchSamplesMax/);
  await check("export default async () => { throw new Error('no database'); };", /failed: no database/);
  await check("throw new Error('at once');", /cannot be loaded: at once/);
  await check("export default (", /cannot be loaded: /);
  const missing = loadModuleSink(config, "/nowhere/sink.mjs", deps);
  await assert.rejects(missing, /module "\/nowhere\/sink.mjs" cannot be loaded/);
});

test("what a module's deliver does stays with its sink", async (context) => {
  async function check(body: string, want: DeliveryOutcome | RegExp) {
    const sink = await load(context, `export default () => ({ async deliver(batch, signal) { ${body} } });`);
    const outcome = await sink.deliver(batch, never);
    if (want instanceof RegExp) assert.match(outcome.outcome === "retry" ? outcome.reason : outcome.outcome, want);
    else assert.deepEqual(outcome, want);
    await sink.close();
  }
  await check("", { outcome: "delivered", samples: 3, records: 2 });
  await check("return { outcome: 'delivered', notCarriedRecords: 1 };", {
    outcome: "delivered",
    samples: 3,
    records: 1,
    notCarriedRecords: 1,
  });
  await check("return { outcome: 'retry', reason: 'full', afterMs: 5 };", {
    outcome: "retry",
    reason: "full",
    afterMs: 5,
  });
  await check("return { outcome: 'rejected', reason: 'bad' };", { outcome: "rejected", reason: "bad" });
  await check("throw new Error('broken');", /^deliver of the module failed: broken$/);
  await check("return 'yes';", /answered nonsense/);
  await check("return { outcome: 'lost' };", /answered nonsense: outcome/);
  await check("return { outcome: 'delivered', records: 1 };", /nonsense: 1 records delivered and 0 not carried, of 2/);
});

test("a deliver that does not settle is a retry, and is told to stop", async (context) => {
  const source = `export const seen = []; globalThis.seenByModuleTest = seen;
    export default () => ({ deliver: (batch, signal) => new Promise(() => {
      signal.addEventListener("abort", () => seen.push("aborted"));
    }) });`;
  const sink = await load(context, source, { timeoutMs: 20 });
  const outcome = await sink.deliver(batch, never);
  assert.deepEqual(outcome, { outcome: "retry", reason: "deliver of the module did not settle within 20 ms" });
  const abort = new AbortController();
  const delivery = sink.deliver(batch, abort.signal);
  abort.abort();
  assert.deepEqual(await delivery, { outcome: "retry", reason: "stopped" });
  assert.deepEqual((globalThis as { seenByModuleTest?: unknown }).seenByModuleTest, ["aborted", "aborted"]);
  assert.deepEqual(await sink.deliver(batch, AbortSignal.abort()), { outcome: "retry", reason: "stopped" });
});

test("a module gets its options, its name, a log and the samples", async (context) => {
  const source = `export default (options, context) => ({
    batchSamplesMax: options.max,
    deliver(batch) {
      const samples = [...context.samples(batch)];
      context.log.info({ count: samples.length }, "got");
      return { outcome: "retry", reason: context.name + " " + JSON.stringify(samples) };
    },
    close() { throw new Error("closing failed"); },
  });`;
  const sink = await load(context, source, { options: { max: 5 } });
  assert.equal(sink.batchSamplesMax, 5);
  const one: Batch = testBatch([testScrape([[{ name: "m", value: 4 }]], { timestampMs: 9 })]);
  const outcome = await sink.deliver(one, never);
  const labels = `{"instance":"10.0.0.1:9100","job":"shop"}`;
  assert.deepEqual(outcome, {
    outcome: "retry",
    reason: `own [{"name":"m","labels":${labels},"value":4,"timestampMs":9,"stale":false}]`,
  });
  await assert.rejects(sink.close(), /closing failed/);
});
