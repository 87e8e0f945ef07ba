import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { encodeTarget } from "../../../core/protocol/shape.ts";
import type { SocketAddress } from "../../../core/runtime/env.ts";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeCa } from "../../../core/runtime/testing/certificates.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import type { Sink } from "../../sink.ts";
import { labelList, testBatch, testOpaque, testScrape, testScrapeOf } from "../batch_testing.ts";
import { type GseServer, startGseServer } from "./server_testing.ts";
import { bkdataType, createBkdataSink } from "./sink.ts";

const never = new AbortController().signal;
const target = encodeTarget(1_500_001, labelList({ job: "shop" }));
const scrape = testScrape([[{ name: "a", value: 1 }, { name: "b", value: NaN }]], { target });

async function start(context: TestContext, ...options: Parameters<typeof startGseServer>): Promise<GseServer> {
  const server = await startGseServer(...options);
  context.after(() => server.close());
  return server;
}

async function makeSink(context: TestContext, addresses: readonly SocketAddress[], changes = {}): Promise<Sink> {
  const list = addresses.map(({ host, port }) => `${host}:${port}`);
  const config = bkdataType.schema.parse({ name: "gse", type: "bkdata", addresses: list, ...changes });
  const log = makeLogger("test", "silent");
  const sink = await createBkdataSink(config, { env: systemEnv, configDir: "/", log });
  context.after(() => sink.close());
  return sink;
}

async function framesOf(server: GseServer, count: number): Promise<GseServer["frames"]> {
  while (server.frames.length < count) await new Promise((resolve) => setImmediate(resolve));
  return server.frames;
}

test(
  "scrapes and opaque records with a dataid arrive, the others are counted",
  { timeout: 10_000 },
  async (context) => {
    const server = await start(context);
    const sink = await makeSink(context, [server.address]);
    const batch = testBatch([scrape, testScrapeOf("without", 5)], [testOpaque("raw \n text", 7), testOpaque("x", 0)]);
    assert.deepEqual(await sink.deliver(batch, never), {
      outcome: "delivered",
      samples: 1,
      records: 2,
      notCarriedRecords: 2,
      notCarriedSamples: 6,
    });
    const [first, second] = await framesOf(server, 2);
    assert.deepEqual([first?.magic, first?.type, first?.dataId, first?.reserved], [0xdead_beef, 10_000, 1_500_001, 0]);
    assert.ok(Math.abs((first?.seconds ?? 0) - Date.now() / 1000) < 10);
    assert.match(first?.body ?? "", /"metrics":\[\{"key":"a","labels":\{"job":"shop"\},"value":1\}\]/);
    assert.deepEqual([second?.dataId, second?.body], [7, "raw \n text"]);
    await sink.deliver(batch, never);
    await framesOf(server, 4);
    assert.equal(server.connections(), 1);
  },
);

test("batches go round robin over the addresses, and past one that is down", { timeout: 10_000 }, async (context) => {
  const [a, b, down] = [await start(context), await start(context), await startGseServer()];
  await down.close();
  const sink = await makeSink(context, [a.address, down.address, b.address]);
  for (let count = 0; count < 6; count++) {
    assert.equal((await sink.deliver(testBatch([scrape]), never)).outcome, "delivered");
  }
  await framesOf(a, 3);
  await framesOf(b, 3);
});

test(
  "a pipe that is down is a retry that names every address, and works when it is back",
  { timeout: 10_000 },
  async (context) => {
    const server = await startGseServer();
    const { port } = server.address;
    const sink = await makeSink(context, [server.address]);
    assert.equal((await sink.deliver(testBatch([scrape]), never)).outcome, "delivered");
    await server.close();
    const outcome = await retryOf(sink);
    assert.match(outcome, new RegExp(`^Cannot send to 127.0.0.1:${port}: `));
    const back = await start(context, undefined, port);
    assert.equal((await sink.deliver(testBatch([scrape]), never)).outcome, "delivered");
    await framesOf(back, 1);
  },
);

test("a pipe that does not read is given up after the deadline", { timeout: 10_000 }, async (context) => {
  const server = await start(context);
  server.stall();
  const sink = await makeSink(context, [server.address], { timeoutMs: 100 });
  const large = testOpaque(new Uint8Array(32 * 1024 * 1024), 7);
  const outcome = await sink.deliver(testBatch([], [large]), never);
  assert.match(outcome.outcome === "retry" ? outcome.reason : "", /it did not take a record within 100 ms$/);
});

test("an aborted delivery settles at once", { timeout: 10_000 }, async (context) => {
  const server = await start(context);
  server.stall();
  const sink = await makeSink(context, [server.address]);
  const abort = new AbortController();
  const delivery = sink.deliver(testBatch([], [testOpaque(new Uint8Array(32 * 1024 * 1024), 7)]), abort.signal);
  setTimeout(() => abort.abort(), 20);
  assert.deepEqual(await delivery, { outcome: "retry", reason: "stopped" });
});

test("TLS with a client certificate; one of another CA is not trusted", { timeout: 20_000 }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-gse-"));
  context.after(() => rm(folder, { recursive: true }));
  const [ca, other] = [makeCa(), makeCa("other")];
  const client = ca.issue({ names: ["exporter"], client: true });
  const foreign = other.issue({ names: ["exporter"], client: true });
  const files = { "ca.pem": ca.cert, "other.pem": other.cert, "cert.pem": client.cert, "key.pem": client.key };
  for (const [name, text] of Object.entries({ ...files, "f.pem": foreign.cert, "fkey.pem": foreign.key })) {
    await writeFile(join(folder, name), text);
  }
  const server = await start(context, { ...ca.issue({ ips: ["127.0.0.1"] }), clientCa: ca.cert });
  const at = (name: string) => join(folder, name);
  const good = { ca: at("ca.pem"), cert: at("cert.pem"), key: at("key.pem") };
  const sink = await makeSink(context, [server.address], { tls: good });
  assert.equal((await sink.deliver(testBatch([scrape]), never)).outcome, "delivered");
  await framesOf(server, 1);
  const distrusting = await makeSink(context, [server.address], { tls: { ...good, ca: at("other.pem") } });
  assert.match(await retryOf(distrusting), /^Cannot send to 127/);
  // TLS 1.3 refuses a client's certificate behind the handshake: no later than with the second batch it is known.
  const refused = await makeSink(context, [server.address], {
    tls: { ...good, cert: at("f.pem"), key: at("fkey.pem") },
  });
  let outcome = await refused.deliver(testBatch([scrape]), never);
  for (let count = 0; outcome.outcome === "delivered" && count < 100; count++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    outcome = await refused.deliver(testBatch([scrape]), never);
  }
  assert.equal(server.frames.length, 1);
});

async function retryOf(sink: Sink): Promise<string> {
  for (let count = 0; count < 200; count++) {
    const outcome = await sink.deliver(testBatch([scrape]), never);
    if (outcome.outcome === "retry") return outcome.reason;
    // What is written before the end of a connection is seen counts as delivered: nothing is acknowledged.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("Cannot see a retry");
}
