import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import { after, before, beforeEach, suite, test } from "node:test";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import type { Sink } from "../../sink.ts";
import { testBatch, testOpaque, testScrapeOf, testTimeMs } from "../batch_testing.ts";
import { createHttpClient } from "../http/mod.ts";
import { type Receiver, startReceiver } from "./receiver_testing.ts";
import { createRemoteWriteSink, type RemoteWriteOptions } from "./sink.ts";

const never = new AbortController().signal;
const batch = testBatch([testScrapeOf("a", 3), testScrapeOf("b", 2)]);

interface ClientSettings {
  readonly url?: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

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
  async function using(options: Partial<RemoteWriteOptions> & ClientSettings, run: () => Promise<void>): Promise<void> {
    const { url = new URL("/api/v1/write?tenant=1", receiver.url), headers = {}, timeoutMs = 30_000 } = options;
    const { clock } = systemEnv;
    const client = createHttpClient({
      url,
      headers: () => Promise.resolve(headers),
      tls: null,
      proxy: null,
      timeoutMs,
      clock,
    });
    sink = createRemoteWriteSink({
      name: "long-term",
      client,
      clock,
      protocol: "1.0",
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
      series[0]?.labels[0]?.[1] === "a" ? { status: 400, body: "label name is invalid\n" } : { status: 204 };
    await using({ samplesMax: 3 }, async () => {
      const outcome = await sink.deliver(batch, never);
      assert.deepEqual(outcome, { outcome: "rejected", reason: "HTTP 400: label name is invalid" });
    });
    assert.equal(receiver.requests.length, 2);
  });

  test("refused credentials are a retry in a minute, and an alarm that does not tell them", async () => {
    receiver.answer = () => ({ status: 401, body: "no" });
    await using({ headers: { authorization: "Bearer canary" } }, async () => {
      const outcome = await sink.deliver(batch, never);
      assert.deepEqual(outcome, { outcome: "retry", reason: "HTTP 401: no", afterMs: 60_000, alarm: true });
    });
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

  test("a sample that the destination has already, or newer ones of its series, is refused as such", async () => {
    for (
      const body of ["out of order sample", "duplicate sample for timestamp", "out of bounds", "sample is too old"]
    ) {
      receiver.answer = () => ({ status: 400, body });
      await using({}, async () => {
        const reason = `already there or too old: HTTP 400: ${body}`;
        assert.deepEqual(await sink.deliver(batch, never), { outcome: "rejected", reason, kind: "old" });
      });
    }
  });

  test("2.0 is spoken to who understands it, and what was written is what it says", async () => {
    await using({ protocol: "auto" }, async () => {
      assert.deepEqual(await sink.deliver(batch, never), {
        outcome: "delivered",
        samples: 5,
        records: 2,
        notCarriedRecords: 0,
      });
    });
    const [request] = receiver.requests;
    assert.deepEqual([receiver.requests.length, request?.version, request?.series.length], [1, "2.0", 5]);
    const { headers } = request ?? {};
    assert.equal(headers?.["content-type"], "application/x-protobuf;proto=io.prometheus.write.v2.Request");
    assert.equal(headers?.["x-prometheus-remote-write-version"], "2.0.0");
  });

  test("a part that was not written is refused samples, not a batch to be cut", async () => {
    for (const status of [200, 400]) {
      const headers = { "x-prometheus-remote-write-samples-written": "3" };
      receiver.answer = () => ({ status, headers, body: "out of order sample" });
      await using({ protocol: "2.0" }, async () => {
        assert.deepEqual(await sink.deliver(batch, never), {
          outcome: "delivered",
          samples: 3,
          records: 2,
          notCarriedRecords: 0,
          rejectedSamples: 2,
          rejectedReason: `already there or too old: HTTP ${status}: out of order sample`,
        });
      });
    }
  });

  test("a refusal of 2.0 that wrote nothing is a rejection", async () => {
    receiver.answer = () => ({
      status: 400,
      headers: { "x-prometheus-remote-write-samples-written": "0" },
      body: "no",
    });
    await using({ protocol: "2.0" }, async () => {
      assert.deepEqual(await sink.deliver(batch, never), { outcome: "rejected", reason: "HTTP 400: no" });
    });
  });

  for (
    const [who, refusal] of [
      ["one that answers 415", { status: 415, body: "unsupported" }],
      ["one that takes it for an empty request of 1.0", { status: 204, headers: {}, silent: true }],
    ] as const
  ) {
    test(`1.0 is spoken to ${who}, at once and for an hour`, async () => {
      receiver.answer = ({ version }) => version === "2.0" ? refusal : { status: 204 };
      let nowMs = 0;
      const clock = { ...systemEnv.clock, monotonicMs: () => nowMs };
      await using({ protocol: "auto", clock }, async () => {
        for (const atMs of [0, 3_599_999, 3_600_000]) {
          nowMs = atMs;
          assert.equal((await sink.deliver(batch, never)).outcome, "delivered");
        }
      });
      assert.deepEqual(receiver.requests.map(({ version }) => version), ["2.0", "1.0", "1.0", "2.0", "1.0"]);
      assert.match(logged[0] ?? "", /does not understand remote write 2.0; writing 1.0 for an hour/);
    });
  }

  test("who was to be spoken to in 2.0 only and does not understand it has to be mended", async () => {
    receiver.answer = () => ({ status: 415, body: "no" });
    await using({ protocol: "2.0" }, async () => {
      const outcome = await sink.deliver(batch, never);
      const reason = "HTTP 415: no: it does not understand remote write 2.0";
      assert.deepEqual(outcome, { outcome: "retry", reason, alarm: true });
    });
  });
});
