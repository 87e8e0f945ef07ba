import assert from "node:assert/strict";
import { test } from "node:test";
import { testOpaque, testTimeMs } from "./batch_testing.ts";
import { expandRecord } from "./expand.ts";

function expand(record: unknown) {
  return expandRecord(testOpaque(JSON.stringify(record)));
}

function withMetrics(metrics: unknown, rest: Record<string, unknown> = {}) {
  return { ...rest, prometheus: { collector: { metrics } } };
}

test("a metric gets the labels of objmeta, over which its own win", () => {
  const objmeta = { name: "cart-0", namespace: "shop", clusterName: "C1", ip: "10.0.0.1", labels: { app: "cart" } };
  const metric = { key: "requests", labels: { pod: "own", code: "200" }, value: 1.5 };
  assert.deepEqual(expand(withMetrics([metric], { objmeta, "@timestamp": "2024-05-01T10:00:00.5Z" })), {
    samples: [{
      labels: [
        { name: "__name__", value: "requests" },
        { name: "cluster", value: "C1" },
        { name: "code", value: "200" },
        { name: "instance", value: "10.0.0.1" },
        { name: "namespace", value: "shop" },
        { name: "pod", value: "own" },
      ],
      value: 1.5,
      timestampMs: testTimeMs + 500,
    }],
    skipped: 0,
  });
});

test("without a readable time the frame's counts", () => {
  for (const time of [undefined, "yesterday", 5]) {
    const expanded = expand(withMetrics([{ key: "up", value: 1 }], { "@timestamp": time }));
    assert.equal(expanded?.samples[0]?.timestampMs, testTimeMs);
  }
});

test("a metric without name or number is skipped and counted", () => {
  const metrics = [{ key: "up", value: 1 }, { key: "", value: 1 }, { key: "x", value: "1" }, { value: 1 }, null, 7];
  const expanded = expand(withMetrics(metrics, { objmeta: "nonsense" }));
  assert.equal(expanded?.samples.length, 1);
  assert.equal(expanded.skipped, 5);
});

test("a record without a prometheus part is not expanded", () => {
  for (const record of [{}, { data: "up 1" }, [], null, 5, withMetrics({}), { prometheus: null }]) {
    assert.equal(expand(record), null);
  }
  assert.equal(expandRecord(testOpaque("no json")), null);
  assert.equal(expandRecord(testOpaque(Uint8Array.of(0xff))), null);
});
