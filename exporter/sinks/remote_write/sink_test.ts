import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { after, before, beforeEach, suite, test } from "node:test";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import type { Sink } from "../../sink.ts";
import { testBatch, testOpaque, testScrapeOf, testTimeMs } from "../batch_testing.ts";
import { type Receiver, startReceiver } from "./receiver_testing.ts";
import { createRemoteWriteSink, type RemoteWriteOptions } from "./sink.ts";

const never = new AbortController().signal;
const batch = testBatch([testScrapeOf("a", 3), testScrapeOf("b", 2)]);

suite("remote write over HTTP", () => {
  let receiver: Receiver;
  let logged: string[];
  let sink: Sink;

  before(async () => {
    receiver = await startReceiver();
  });

  beforeEach(() => {
    receiver.requests.length = 0;
    receiver.answer = () => ({ status: 204 });
    logged = [];
  });

  after(() => receiver.close());

  /** Runs with a sink that is closed afterwards. */
  async function using(options: Partial<RemoteWriteOptions>, run: () => Promise<void>): Promise<void> {
    sink = createRemoteWriteSink({
      name: "long-term",
      url: new URL("/api/v1/write?tenant=1", receiver.url),
      headers: {},
      clock: systemEnv.clock,
      log: makeLogger("test", "debug", { write: (line) => void logged.push(line) }),
      ...options,
    });
    try {
      await run();
    } finally {
      await sink.close();
    }
  }

  test("a batch is one request with the headers of the protocol", async () => {
    await using({ headers: { authorization: "Bearer secret", "x-scope-orgid": "7" } }, async () => {
      assert.deepEqual(await sink.deliver(batch, never), {
        outcome: "delivered",
        samples: 5,
        records: 2,
        notCarriedRecords: 0,
      });
    });
    const [request, ...more] = receiver.requests;
    assert.deepEqual(more, []);
    assert.equal(`${request?.method} ${request?.path}`, "POST /api/v1/write?tenant=1");
    const headers: IncomingHttpHeaders = request?.headers ?? {};
    assert.equal(headers["content-type"], "application/x-protobuf");
    assert.equal(headers["content-encoding"], "snappy");
    assert.equal(headers["x-prometheus-remote-write-version"], "0.1.0");
    assert.equal(headers["authorization"], "Bearer secret");
    assert.equal(headers["x-scope-orgid"], "7");
    assert.equal(request?.series.length, 5);
    assert.equal(request?.series[0]?.samples[0]?.timestampMs, testTimeMs);
  });

  test("a large batch is several requests", async () => {
    await using({ samplesMax: 2 }, async () => {
      assert.equal(sink.batchSamplesMax, 2);
      assert.equal((await sink.deliver(batch, never)).outcome, "delivered");
    });
    assert.deepEqual(receiver.requests.map(({ series }) => series.length), [2, 2, 1]);
  });

  test("an answer of 429 is a retry after as long as it says", async () => {
    receiver.answer = () => ({ status: 429, headers: { "retry-after": "7" }, body: "slow down" });
    await using({}, async () => {
      const outcome = await sink.deliver(batch, never);
      assert.deepEqual(outcome, { outcome: "retry", reason: "HTTP 429: slow down", afterMs: 7000 });
    });
  });

  test("an answer of 503 is a retry, and the same batch is taken later", async () => {
    receiver.answer = () => ({ status: 503 });
    await using({}, async () => {
      assert.deepEqual(await sink.deliver(batch, never), { outcome: "retry", reason: "HTTP 503" });
      receiver.answer = () => ({ status: 200, body: "ok" });
      assert.equal((await sink.deliver(batch, never)).outcome, "delivered");
    });
    assert.deepEqual(receiver.requests[0]?.series, receiver.requests[1]?.series);
  });

  test("an answer of 400 is a rejection with its reason, and the other requests of the batch are sent", async () => {
    receiver.answer = ({ series }) =>
      series[0]?.labels[0]?.[1] === "a" ? { status: 400, body: "out of order sample\n" } : { status: 204 };
    await using({ samplesMax: 3 }, async () => {
      const outcome = await sink.deliver(batch, never);
      assert.deepEqual(outcome, { outcome: "rejected", reason: "HTTP 400: out of order sample" });
    });
    assert.equal(receiver.requests.length, 2);
  });

  test("refused credentials are a retry in a minute, and an alarm that does not tell them", async () => {
    receiver.answer = () => ({ status: 401, body: "no" });
    await using({ headers: { authorization: "Bearer canary" } }, async () => {
      const outcome = await sink.deliver(batch, never);
      assert.ok(outcome.outcome === "retry" && outcome.afterMs === 60_000);
    });
    assert.equal(logged.length, 1);
    assert.match(logged[0] ?? "", /"level":"error".*"sink":"long-term".*HTTP 401: no.*needs to be mended/);
    assert.ok(!logged.join("").includes("canary"));
  });

  test("a redirect is not followed", async () => {
    receiver.answer = () => ({ status: 302, headers: { location: `${receiver.url}/elsewhere` } });
    await using({}, async () => {
      assert.equal((await sink.deliver(batch, never)).outcome, "retry");
    });
    assert.equal(receiver.requests.length, 1);
  });

  test("an endless answer is cut off and costs only its connection", async () => {
    receiver.answer = () => ({ status: 400, body: "x".repeat(4 * 1024 * 1024) });
    await using({}, async () => {
      const outcome = await sink.deliver(batch, never);
      assert.ok(outcome.outcome === "rejected" && outcome.reason.length < 300);
      receiver.answer = () => ({ status: 204 });
      assert.equal((await sink.deliver(batch, never)).outcome, "delivered");
    });
  });

  test("no answer in time is a retry", async () => {
    receiver.answer = () => ({ status: 0, fault: "hang" });
    await using({ timeoutMs: 50 }, async () => {
      const outcome = await sink.deliver(batch, never);
      const reason = outcome.outcome === "retry" ? outcome.reason : outcome.outcome;
      assert.match(reason, /^Cannot send to "http:\/\/127\.0\.0\.1:\d+\/api\/v1\/write": no answer within 50 ms$/);
    });
  });

  test("a connection that is cut is a retry", async () => {
    receiver.answer = () => ({ status: 0, fault: "reset" });
    await using({}, async () => {
      assert.equal((await sink.deliver(batch, never)).outcome, "retry");
    });
  });

  test("a destination that refuses connections is a retry that says so", async () => {
    const gone = await startReceiver();
    await gone.close();
    await using({ url: new URL(gone.url) }, async () => {
      const outcome = await sink.deliver(batch, never);
      assert.match(outcome.outcome === "retry" ? outcome.reason : "", /ECONNREFUSED|refused/);
    });
  });

  test("an aborted delivery settles at once, as a retry", async () => {
    const abort = new AbortController();
    receiver.answer = () => {
      abort.abort();
      return { status: 0, fault: "hang" };
    };
    await using({}, async () => {
      assert.deepEqual(await sink.deliver(batch, abort.signal), { outcome: "retry", reason: "stopped" });
    });
  });

  test("opaque records that hold no samples are not carried", async () => {
    await using({}, async () => {
      const outcome = await sink.deliver(testBatch([], [testOpaque("text")]), never);
      assert.deepEqual(outcome, { outcome: "delivered", samples: 0, records: 0, notCarriedRecords: 1 });
    });
    assert.deepEqual(receiver.requests, []);
  });
});
