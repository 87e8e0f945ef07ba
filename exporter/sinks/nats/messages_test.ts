import assert from "node:assert/strict";
import { test } from "node:test";
import { testBatch, testOpaque, testScrapeOf, testTarget } from "../batch_testing.ts";
import { JsonLines } from "../json_lines.ts";
import { messageLanes, splitLines } from "./messages.ts";

const options = { subject: "m.{job}", opaqueSubject: "r.{dataId}", bytesMax: 1000 };
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("there is a lane for each target and each dataid, in order", () => {
  const [a, b] = [testTarget({ job: "a" }), testTarget({ job: "b" })];
  const scrapes = [a, b, a].map((target, index) => ({ ...testScrapeOf("up", 1, index), target: target.shape }));
  const lanes = messageLanes(
    testBatch(scrapes, [testOpaque("1", 7), testOpaque("2", 8), testOpaque("3", 7)]),
    new JsonLines(),
    options,
  ).map((lane) =>
    [...lane].map(({ subject, payload }) => {
      const line = JSON.parse(text(payload)) as { timestampMs: number; record?: number };
      return `${subject} ${line.record ?? line.timestampMs}`;
    })
  );
  assert.deepEqual(lanes, [["m.a 0", "m.a 2"], ["m.b 1"], ["r.7 1", "r.7 3"], ["r.8 2"]]);
});

test("a scrape that is too large is cut at line ends", () => {
  const [lane] = messageLanes(testBatch([testScrapeOf("m", 50)]), new JsonLines(), options);
  const payloads = [...lane ?? []].map(({ payload }) => text(payload));
  assert.ok(payloads.length > 4);
  assert.ok(payloads.every((payload) => payload.endsWith("\n") && payload.length <= 1000));
  assert.equal(payloads.join("").trimEnd().split("\n").length, 50);
});

test("lines are split where they end, and a longer one stays whole", () => {
  function check(input: string, bytesMax: number, want: readonly string[]) {
    assert.deepEqual([...splitLines(new TextEncoder().encode(input), bytesMax)].map(text), want);
  }
  check("", 3, []);
  check("a\nb\n", 10, ["a\nb\n"]);
  check("a\nb\nc\n", 4, ["a\nb\n", "c\n"]);
  check("aaaaaa\nb\n", 3, ["aaaaaa\n", "b\n"]);
  check("a\nbbbbbb\nc\n", 3, ["a\n", "bbbbbb\n", "c\n"]);
});
