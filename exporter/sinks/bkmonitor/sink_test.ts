import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test, type TestContext } from "node:test";
import { encodeTarget } from "../../../core/protocol/shape.ts";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import type { DeliveryOutcome, Sink } from "../../sink.ts";
import { labelList, testBatch, testOpaque, type TestSample, testScrape, testTimeMs } from "../batch_testing.ts";
import { envelope, type PushServer, startPushServer } from "./server_testing.ts";
import { bkmonitorType, createBkmonitorSink } from "./sink.ts";

const never = new AbortController().signal;
const token = "canary-token";
const variables = { TOKEN: token, OTHER: "canary-other" };
const target = encodeTarget(7, labelList({ instance: "10.0.0.1:9100", job: "shop" }));

async function start(context: TestContext): Promise<PushServer> {
  const server = await startPushServer(token);
  context.after(() => server.close());
  return server;
}

async function makeSink(context: TestContext, url: string, changes: object = {}): Promise<Sink> {
  const config = bkmonitorType.schema.parse({
    name: "bk",
    type: "bkmonitor",
    url,
    accessToken: "env:TOKEN",
    ...changes,
  });
  const sink = await createBkmonitorSink(config, {
    env: systemEnv,
    configDir: "/",
    variables,
    log: makeLogger("test", "silent"),
  });
  context.after(() => sink.close());
  return sink;
}

function scrapeOf(samples: readonly TestSample[], timestampMs = testTimeMs) {
  return testScrape([samples], { target, timestampMs });
}

function reasonOf(outcome: DeliveryOutcome): string {
  return outcome.outcome === "delivered" ? "delivered" : `${outcome.outcome}: ${outcome.reason}`;
}

test("a scrape is pushed as the platform wants it", async (context) => {
  const server = await start(context);
  const sink = await makeSink(context, server.url);
  const samples = [{ name: "a", value: 1.5 }, { name: "b", labels: { n: "1" }, value: -0 }, { name: "c", value: 3 }];
  assert.deepEqual(await sink.deliver(testBatch([scrapeOf(samples)]), never), {
    outcome: "delivered",
    samples: 3,
    records: 1,
    notCarriedRecords: 0,
    notCarriedSamples: 0,
  });
  const [push] = server.pushes;
  const dimension = { instance: "10.0.0.1:9100", job: "shop" };
  const common = { target: "10.0.0.1:9100", timestamp: testTimeMs };
  assert.deepEqual([push?.path, push?.contentType, push?.dataId, push?.token], [
    "/v2/push/",
    "application/json",
    7,
    token,
  ]);
  assert.deepEqual(push?.items, [
    { metrics: { a: 1.5, c: 3 }, dimension, ...common },
    { metrics: { b: -0 }, dimension: { ...dimension, n: "1" }, ...common },
  ]);
});

test("what the platform would refuse is left out before, and counted", async (context) => {
  const server = await start(context);
  const sink = await makeSink(context, server.url, { accessToken: undefined, accessTokens: { 7: "env:TOKEN" } });
  const samples = [
    { name: "good", value: 1 },
    { name: "job:rate", value: 1 },
    { name: "nan", value: NaN },
    { name: "inf", value: Infinity },
    { name: "future", value: 1, timestampMs: Date.now() + 3_700_000 },
    { name: "soon", value: 1, timestampMs: Date.now() + 3_000_000 },
  ];
  const foreign = testScrape([[{ name: "m", value: 1 }]], { target: encodeTarget(8, []) });
  const metrics = [{ key: "old", labels: {}, value: 1 }, { key: "bad-name", labels: {}, value: 1 }];
  const record = JSON.stringify({ prometheus: { collector: { metrics } } });
  const opaque = [testOpaque(record, 7), testOpaque(record, 8), testOpaque("text", 7)];
  assert.deepEqual(await sink.deliver(testBatch([scrapeOf(samples), foreign], opaque), never), {
    outcome: "delivered",
    samples: 3,
    records: 2,
    notCarriedRecords: 3,
    notCarriedSamples: 6,
  });
  const names = server.pushes.flatMap(({ items }) => items.flatMap((item) => Object.keys(item.metrics)));
  assert.deepEqual(names, ["good", "soon", "old"]);
});

test("bodies stay below the limit", async (context) => {
  const server = await start(context);
  const sink = await makeSink(context, server.url);
  const samples = Array.from({ length: 10_000 }, (_, index) => ({
    name: "m",
    labels: { path: "é".repeat(30), n: String(index) },
    value: index,
  }));
  assert.equal(reasonOf(await sink.deliver(testBatch([scrapeOf(samples)]), never)), "delivered");
  assert.ok(server.pushes.length > 3);
  assert.ok(server.pushes.every(({ bodyBytes }) => bodyBytes <= 500_000));
  assert.ok(server.pushes.slice(0, -1).every(({ bodyBytes }) => bodyBytes > 450_000));
  const seen = new Set(server.pushes.flatMap(({ items }) => items.map(({ dimension }) => dimension["n"])));
  assert.equal(seen.size, 10_000);
});

test("requests of one dataid wait for the rate, and a stop ends the wait", { timeout: 10_000 }, async (context) => {
  const server = await start(context);
  const sink = await makeSink(context, server.url, { requestsPerMinute: 20 });
  const abort = new AbortController();
  for (const _ of [1, 2]) {
    assert.equal(reasonOf(await sink.deliver(testBatch([scrapeOf([{ name: "m", value: 1 }])]), never)), "delivered");
  }
  const third = sink.deliver(testBatch([scrapeOf([{ name: "m", value: 1 }])]), abort.signal);
  const other = testScrape([[{ name: "m", value: 1 }]], { target: encodeTarget(9, []) });
  assert.equal(reasonOf(await sink.deliver(testBatch([other]), never)), "delivered");
  abort.abort();
  assert.equal(reasonOf(await third), "retry: stopped");
  assert.equal(server.requests, 3);
});

test("the code of the envelope counts, whatever the HTTP status", async (context) => {
  const server = await start(context);
  const sink = await makeSink(context, server.url);
  async function check(status: number, body: string, want: RegExp, alarm = false) {
    server.fault = () => ({ status, body });
    const outcome = await sink.deliver(testBatch([scrapeOf([{ name: "m", value: 1 }])]), never);
    assert.match(reasonOf(outcome), want);
    assert.equal(outcome.outcome === "retry" && outcome.alarm === true, alarm, reasonOf(outcome));
  }
  const text = (code: number) => envelope(code, "because").body;
  await check(200, text(200), /^delivered$/);
  await check(200, `{"code":200,"result":true}`, /^delivered$/);
  await check(200, text(400), /^rejected: code 400: because$/);
  await check(400, text(400), /^rejected: code 400: because$/);
  await check(200, text(401), /^retry: code 401: because$/, true);
  await check(401, text(401), /^retry: code 401/, true);
  await check(200, text(429), /^retry: code 429/);
  await check(429, text(429), /^retry: code 429/);
  await check(500, text(500), /^retry: code 500/);
  await check(200, text(500), /^retry: code 500/);
  await check(200, `{"code":"200","result":"false","message":"no"}`, /^retry: code 200: no$/);
  await check(200, "<html>proxy</html>", /^retry: HTTP 200 without the platform's envelope$/);
  await check(413, "too large", /^rejected: HTTP 413: too large$/);
  await check(503, "", /^retry: HTTP 503$/);
});

test("429 tells when to come again", async (context) => {
  const server = await start(context);
  const sink = await makeSink(context, server.url);
  server.fault = () => ({ ...envelope(429), headers: { "retry-after": "7" } });
  const outcome = await sink.deliver(testBatch([scrapeOf([{ name: "m", value: 1 }])]), never);
  assert.deepEqual(outcome, { outcome: "retry", reason: "code 429", afterMs: 7000 });
});

test("a token that is wrong stands in no log and no reason, even if the platform repeats it", async (context) => {
  const server = await start(context);
  let logged = "";
  const stream = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      logged += new TextDecoder().decode(chunk);
      done();
    },
  });
  const config = { name: "bk", type: "bkmonitor", url: server.url, accessToken: "env:OTHER" };
  const log = makeLogger("test", "debug", stream);
  const deps = { env: systemEnv, configDir: "/", variables, log };
  const sink = await createBkmonitorSink(bkmonitorType.schema.parse(config), deps);
  context.after(() => sink.close());
  const outcome = await sink.deliver(testBatch([scrapeOf([{ name: "m", value: 1 }])]), never);
  assert.equal(reasonOf(outcome), "retry: code 401: token <redacted> is not valid");
  assert.ok(!logged.includes("canary") && !JSON.stringify(sink).includes("canary"));
});

test("a missing token is told at the start", async (context) => {
  await assert.rejects(makeSink(context, "http://127.0.0.1:1/", { accessToken: "env:NONE" }), /"NONE" is not set/);
  assert.throws(
    () => bkmonitorType.schema.parse({ name: "bk", type: "bkmonitor", url: "http://127.0.0.1:1/" }),
    /needs accessToken, or accessTokens/,
  );
});
