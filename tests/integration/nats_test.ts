/** The NATS sink against a real nats-server with JetStream. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeCa } from "../../core/runtime/testing/certificates.ts";
import type { DeliveryOutcome, Sink } from "../../exporter/sink.ts";
import { testBatch, testOpaque, testScrapeOf, testTarget } from "../../exporter/sinks/batch_testing.ts";
import { createNatsSink, natsType } from "../../exporter/sinks/nats/sink.ts";
import { NatsProgram } from "../support/nats.ts";
import { needs } from "../support/programs.ts";

const never = new AbortController().signal;
const timeout = 60_000;
const target = testTarget({ cluster: "C", namespace: "shop", metric: "cart.v2", job: "j" });

function scrapeOf(name: string, count: number, timestampMs = 1000) {
  return { ...testScrapeOf(name, count, timestampMs), target: target.shape };
}

async function start(context: TestContext, options?: readonly string[]): Promise<NatsProgram> {
  const program = await NatsProgram.start(options);
  context.after(() => program.remove());
  return program;
}

function sinkOf(context: TestContext, port: number, changes: object = {}, variables = {}): Sink {
  const config = natsType.schema.parse({ name: "nats", type: "nats", servers: [`127.0.0.1:${port}`], ...changes });
  const sink = createNatsSink(config, { env: systemEnv, configDir: "/", variables });
  context.after(() => sink.close());
  return sink;
}

function reasonOf(outcome: DeliveryOutcome): string {
  return outcome.outcome === "delivered" ? "delivered" : `${outcome.outcome}: ${outcome.reason}`;
}

suite("NATS JetStream", needs("nats-server"), () => {
  test("scrapes and opaque records are messages under their subjects, once", { timeout }, async (context) => {
    const server = await start(context);
    const sink = sinkOf(context, server.port, { createStream: true });
    const batch = testBatch([scrapeOf("up", 2), scrapeOf("up", 2, 2000)], [testOpaque(`{"a":1}`, 7)]);
    for (const _ of [1, 2]) {
      assert.deepEqual(await sink.deliver(batch, never), { outcome: "delivered", samples: 4, records: 3 });
    }
    const messages = await server.messages("METRICS");
    assert.deepEqual(messages.map(({ subject }) => subject).toSorted(), [
      "metrics.C.shop.cart%2Ev2",
      "metrics.C.shop.cart%2Ev2",
      "records.7",
    ]);
    const scrapes = messages.filter(({ subject }) => subject.startsWith("metrics"));
    assert.deepEqual(scrapes.map(({ text }) => text.split("\n").length), [3, 3]);
    assert.match(scrapes[0]?.text ?? "", /^{"name":"up","labels":{"cluster":"C",.*},"value":0,"timestampMs":1000}\n/);
    assert.match(scrapes[1]?.text ?? "", /"timestampMs":2000}\n/);
  });

  test("a server that is killed in mid-batch gets the rest when it is back", { timeout }, async (context) => {
    const server = await start(context);
    const sink = sinkOf(context, server.port, { createStream: true, messageBytesMax: 1024, timeoutMs: 2000 });
    assert.equal((await sink.deliver(testBatch([scrapeOf("first", 1)]), never)).outcome, "delivered");
    const batch = testBatch([scrapeOf("wide", 20_000)]);
    const delivery = sink.deliver(batch, never);
    while ((await server.messages("METRICS")).length < 20) await new Promise((resolve) => setImmediate(resolve));
    await server.kill();
    assert.match(reasonOf(await delivery), /^retry: Cannot publish/);
    assert.match(reasonOf(await sink.deliver(batch, never)), /^retry: Cannot connect to NATS/);
    await server.start();
    assert.equal(reasonOf(await sink.deliver(batch, never)), "delivered");
    const lines = (await server.messages("METRICS")).flatMap(({ text }) => text.trimEnd().split("\n"));
    assert.equal(lines.length, 20_001);
    assert.equal(new Set(lines).size, 20_001);
  });

  test("a stream that is full is a retry, and takes the rest when it has room", { timeout }, async (context) => {
    const server = await start(context);
    const limits = { name: "FULL", subjects: ["metrics.>"], max_msgs: 2 };
    await server.addStream({ ...limits, discard: "new" });
    const sink = sinkOf(context, server.port);
    const batch = testBatch([1, 2, 3].map((timeMs) => scrapeOf("up", 1, timeMs)));
    assert.match(reasonOf(await sink.deliver(batch, never)), /^retry: Cannot publish .*maximum messages exceeded/);
    await (await server.manager()).streams.update("FULL", { max_msgs: 10 });
    assert.equal(reasonOf(await sink.deliver(batch, never)), "delivered");
    assert.equal((await server.messages("FULL")).length, 3);
  });

  test("without a stream it is a retry that says so", { timeout }, async (context) => {
    const server = await start(context);
    const sink = sinkOf(context, server.port, { timeoutMs: 1000 });
    const reason = reasonOf(await sink.deliver(testBatch([scrapeOf("up", 1)]), never));
    assert.match(reason, /^retry: Cannot publish to "metrics\.C.*": no stream takes this subject/);
  });

  test("a record that the stream can never take is rejected", { timeout }, async (context) => {
    const server = await start(context);
    await server.addStream({ name: "SMALL", subjects: ["metrics.>", "records.>"], max_msg_size: 1000 });
    const sink = sinkOf(context, server.port);
    const large = testOpaque("x".repeat(5000));
    assert.match(reasonOf(await sink.deliver(testBatch([], [large]), never)), /^rejected: Cannot publish .*10054/);
    const huge = testOpaque("x".repeat(3_000_000));
    assert.match(reasonOf(await sink.deliver(testBatch([], [huge]), never)), /^rejected: .*max_payload/);
    assert.equal(reasonOf(await sink.deliver(testBatch([], [testOpaque("x")]), never)), "delivered");
  });

  test("token, user and password; wrong ones alarm and are not told", { timeout }, async (context) => {
    const server = await start(context, ["--user", "exporter", "--pass", "canary-1"]);
    const user = { user: "exporter", password: "env:PASS", timeoutMs: 2000 };
    const batch = testBatch([scrapeOf("up", 1)]);
    const good = sinkOf(context, server.port, { ...user, createStream: true }, { PASS: "canary-1" });
    assert.equal(reasonOf(await good.deliver(batch, never)), "delivered");
    const bad = await sinkOf(context, server.port, user, { PASS: "canary-2" }).deliver(batch, never);
    assert.ok(bad.outcome === "retry" && bad.alarm === true, reasonOf(bad));
    assert.match(bad.reason, /^Cannot connect to NATS: .*Authorization/i);
    assert.ok(!bad.reason.includes("canary"));
    const tokened = await start(context, ["--auth", "canary-3"]);
    const token = sinkOf(context, tokened.port, { token: "env:TOKEN", createStream: true }, { TOKEN: "canary-3" });
    assert.equal(reasonOf(await token.deliver(batch, never)), "delivered");
    const missing = natsType.schema.parse({ name: "n", type: "nats", servers: ["h"], token: "env:NONE" });
    const deps = { env: systemEnv, configDir: "/", variables: {} };
    await assert.rejects(Promise.resolve(natsType.create(missing, deps as never)), /"NONE" is not set/);
  });

  test("TLS with a client certificate; a server of another CA is not trusted", { timeout }, async (context) => {
    const folder = await start(context);
    const at = (name: string) => join(folder.folder, name);
    const [ca, other] = [makeCa(), makeCa("other")];
    const server = ca.issue({ ips: ["127.0.0.1"], names: ["localhost"] });
    const client = ca.issue({ names: ["exporter"], client: true });
    const files = { "ca.pem": ca.cert, "other.pem": other.cert, "s.pem": server.cert, "s.key": server.key };
    for (const [name, text] of Object.entries({ ...files, "c.pem": client.cert, "c.key": client.key })) {
      await writeFile(at(name), text);
    }
    const options = ["--tlsverify", "--tlscert", at("s.pem"), "--tlskey", at("s.key"), "--tlscacert", at("ca.pem")];
    const secured = await start(context, options);
    const tls = { ca: at("ca.pem"), cert: at("c.pem"), key: at("c.key") };
    const batch = testBatch([scrapeOf("up", 1)]);
    const sink = sinkOf(context, secured.port, { tls, createStream: true });
    assert.equal(reasonOf(await sink.deliver(batch, never)), "delivered");
    const distrusting = sinkOf(context, secured.port, { tls: { ...tls, ca: at("other.pem") }, timeoutMs: 2000 });
    assert.match(reasonOf(await distrusting.deliver(batch, never)), /^retry: Cannot connect to NATS/);
  });

  test("an aborted delivery settles at once", { timeout }, async (context) => {
    const server = await start(context);
    const sink = sinkOf(context, server.port, { createStream: true, messageBytesMax: 1024 });
    const abort = new AbortController();
    const delivery = sink.deliver(testBatch([scrapeOf("wide", 50_000)]), abort.signal);
    setTimeout(() => abort.abort(), 5);
    assert.deepEqual(await delivery, { outcome: "retry", reason: "stopped" });
  });
});
