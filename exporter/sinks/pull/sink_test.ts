import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test, type TestContext } from "node:test";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { testBatch, testOpaque, testScrape, testScrapeOf } from "../batch_testing.ts";
import { createPullSink, type PullSink, pullType } from "./sink.ts";

const never = new AbortController().signal;

async function makeSink(context: TestContext, changes: object = {}, variables = {}): Promise<PullSink> {
  const config = pullType.schema.parse({ name: "pull", type: "pull", listen: "127.0.0.1:0", ...changes });
  const log = makeLogger("test", "silent");
  const sink = await createPullSink(config, { env: systemEnv, configDir: "/", variables, log });
  context.after(() => sink.close());
  return sink;
}

async function get(sink: PullSink, query = "", headers: Record<string, string> = {}) {
  const answer = await fetch(`http://${sink.address}/federate${query}`, { headers });
  return { status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() };
}

function match(...selectors: string[]): string {
  return `?${selectors.map((selector) => `match[]=${encodeURIComponent(selector)}`).join("&")}`;
}

test("the latest values are served as text, sorted, with their times", async (context) => {
  const sink = await makeSink(context);
  const timestampMs = Date.now();
  const samples = [
    { name: "b", labels: { quote: `"a"\\\n` }, value: Infinity },
    { name: "a", labels: { n: "2" }, value: -0 },
    { name: "a", labels: { n: "1" }, value: 1e21 },
    { name: "c", value: NaN },
  ];
  const outcome = await sink.deliver(testBatch([testScrape([samples], { timestampMs })], [testOpaque("text")]), never);
  assert.deepEqual(outcome, {
    outcome: "delivered",
    samples: 4,
    records: 1,
    notCarriedRecords: 1,
    notCarriedSamples: 0,
  });
  const { status, type, text } = await get(sink);
  assert.deepEqual([status, type], [200, "text/plain; version=0.0.4; charset=utf-8"]);
  const rest = `instance="10.0.0.1:9100",job="shop"`;
  assert.equal(
    text,
    `# TYPE a untyped
a{${rest},n="1"} 1e+21 ${timestampMs}
a{${rest},n="2"} -0 ${timestampMs}
# TYPE b untyped
b{${rest},quote="\\"a\\"\\\\\\n"} +Inf ${timestampMs}
# TYPE c untyped
c{${rest}} NaN ${timestampMs}
`,
  );
});

test("selectors choose, several of them together", async (context) => {
  const sink = await makeSink(context);
  const timestampMs = Date.now();
  const names = ["up", "down", "left"];
  await sink.deliver(testBatch([testScrape([names.map((name) => ({ name, value: 1 }))], { timestampMs })]), never);
  const chosen = async (query: string) =>
    (await get(sink, query)).text.split("\n").flatMap((line) => /^([a-z]+){/.exec(line)?.[1] ?? []);
  assert.deepEqual(await chosen(match(`{__name__=~"up|left"}`)), ["left", "up"]);
  assert.deepEqual(await chosen(match("up", "down")), ["down", "up"]);
  assert.deepEqual(await chosen(match(`up{job="other"}`)), []);
  const refused = await get(sink, match("up{"));
  assert.equal(refused.status, 400);
  assert.equal(refused.text, `Cannot read selector "up{": expected a label at position 4\n`);
  assert.equal((await get(sink, match(...Array.from({ length: 101 }, () => "up")))).status, 400);
});

test("names beyond the classic format are in quotes for who asks so, and underscored for others", async (context) => {
  const sink = await makeSink(context);
  const series = { name: "http.requests", labels: { "a.b": "c", instance: "", job: "" }, value: 1 };
  const timestampMs = Date.now();
  await sink.deliver(testBatch([testScrape([[series]], { timestampMs })]), never);
  assert.equal((await get(sink)).text, `http_requests{a_b="c"} 1 ${timestampMs}\n`);
  const accept = "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3";
  const utf8 = await get(sink, "", { accept });
  assert.equal(utf8.text, `{"http.requests","a.b"="c"} 1 ${timestampMs}\n`);
  assert.equal(utf8.type, "text/plain; version=1.0.0; escaping=allow-utf-8; charset=utf-8");
});

test("opaque records with samples are expanded", async (context) => {
  const sink = await makeSink(context);
  const metrics = [{ key: "up", labels: { job: "old" }, value: 1 }];
  const record = JSON.stringify({ dataid: 7, prometheus: { collector: { metrics } } });
  const outcome = await sink.deliver(testBatch([], [testOpaque(record, 7, Date.now())]), never);
  assert.ok(outcome.outcome === "delivered" && outcome.samples === 1 && outcome.records === 1);
  assert.match((await get(sink)).text, /^up{job="old"} 1 /m);
});

test("what finds no room is counted as not carried", async (context) => {
  const sink = await makeSink(context, { seriesMax: 2 });
  const outcome = await sink.deliver(testBatch([testScrapeOf("m", 5, Date.now())]), never);
  assert.ok(outcome.outcome === "delivered");
  assert.deepEqual([outcome.samples, outcome.notCarriedSamples], [2, 3]);
});

test("a large table is served in pieces", async (context) => {
  const sink = await makeSink(context);
  await sink.deliver(testBatch([testScrapeOf("m", 20_000, Date.now())]), never);
  assert.equal((await get(sink)).text.split("\n").length, 20_002);
});

test("with a token, nobody else is served", async (context) => {
  const sink = await makeSink(context, { bearerToken: "env:TOKEN" }, { TOKEN: "canary" });
  assert.equal((await get(sink)).status, 401);
  assert.equal((await get(sink, "", { authorization: "Bearer other" })).status, 401);
  assert.equal((await get(sink, "", { authorization: "Bearer canary" })).status, 200);
  assert.equal(
    (await fetch(`http://${sink.address}/other`, { headers: { authorization: "Bearer canary" } })).status,
    404,
  );
});

test("an address that is taken or open to others is told at the start", async (context) => {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port))
  );
  context.after(() => server.close());
  await assert.rejects(makeSink(context, { listen: `127.0.0.1:${port}` }), { name: "ListenError" });
  await assert.rejects(makeSink(context, { listen: "0.0.0.0:0" }), /open to other machines: set bearerToken/);
  await assert.rejects(makeSink(context, { bearerToken: "env:NONE" }), /"NONE" is not set/);
});

test("an aborted delivery is a retry", async (context) => {
  const sink = await makeSink(context);
  const outcome = await sink.deliver(testBatch([testScrapeOf("m", 1)]), AbortSignal.abort());
  assert.deepEqual(outcome, { outcome: "retry", reason: "stopped" });
});
