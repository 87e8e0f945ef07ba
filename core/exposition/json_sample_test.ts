import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonSample } from "./json_sample.ts";

test("a sample is one object, with time and type only where they are known", () => {
  const labels = [{ name: "b", value: "1" }, { name: "a", value: 'x"\n\\é' }];
  assert.equal(
    jsonSample({ name: "m", labels, value: 1.5, timestampMs: 7, type: "counter" }),
    '{"name":"m","labels":{"b":"1","a":"x\\"\\n\\\\é"},"value":1.5,"timestampMs":7,"type":"counter"}',
  );
  assert.equal(jsonSample({ name: "m", labels: [], value: 0 }), '{"name":"m","labels":{},"value":0}');
  assert.equal(
    jsonSample({ name: "m", labels: [], value: 0, timestampMs: null, type: "unknown" }),
    '{"name":"m","labels":{},"value":0}',
  );
  assert.equal(jsonSample({ name: "m", labels: [], value: 0, type: "" }), '{"name":"m","labels":{},"value":0}');
  assert.equal(jsonSample({ name: "m", labels: [], value: 1, timestampMs: 0 }).includes('"timestampMs":0'), true);
});

test("what JSON has no numbers for is text", () => {
  const valueOf = (value: number): unknown => JSON.parse(jsonSample({ name: "m", labels: [], value })).value;
  assert.equal(valueOf(NaN), "NaN");
  assert.equal(valueOf(Infinity), "+Inf");
  assert.equal(valueOf(-Infinity), "-Inf");
  assert.ok(Object.is(valueOf(-0), -0));
  assert.equal(valueOf(1e300), 1e300);
});

test("every sample is read back as it was, and has no line feed", () => {
  const text = fc.string({ unit: "binary" });
  const labels = fc.uniqueArray(fc.record({ name: text, value: text }), { selector: (label) => label.name });
  fc.assert(fc.property(text, labels, fc.double({ noNaN: true, noDefaultInfinity: true }), (name, pairs, value) => {
    const line = jsonSample({ name, labels: pairs, value });
    assert.ok(!line.includes("\n"));
    const want = { name, labels: Object.fromEntries(pairs.map((pair) => [pair.name, pair.value])), value };
    assert.deepEqual(JSON.parse(line), want);
  }));
});
