import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ServerSentEvent, SseReader, StreamFormatError } from "./sse_reader.ts";

const encoder = new TextEncoder();

function readAll(chunks: readonly Uint8Array[], lineBytesMax?: number): ServerSentEvent[] {
  const reader = new SseReader(lineBytesMax);
  const events: ServerSentEvent[] = [];
  for (const chunk of chunks) reader.push(chunk, (event) => events.push(event));
  return events;
}

/** Whole, byte by byte, and in random pieces. */
function check(text: string, want: readonly ServerSentEvent[]): void {
  const bytes = encoder.encode(text);
  assert.deepEqual(readAll([bytes]), want);
  assert.deepEqual(readAll(Array.from(bytes, (byte) => Uint8Array.of(byte))), want);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const pieces = edges.slice(1).map((end, index) => bytes.slice(edges[index], end));
      assert.deepEqual(readAll(pieces), want);
    }),
    { numRuns: 30 },
  );
}

test("events are read however their bytes are cut", () => {
  check('retry: 1000\n\nevent: collection\nid: 7\ndata: {"a":"ü€"}\n\n:\n\nevent: absent\ndata: {}\n\n', [
    { event: "collection", id: "7", data: '{"a":"ü€"}' },
    { event: "absent", id: "7", data: "{}" },
  ]);
});

test("lines end in LF, CR LF and CR", () => {
  const want = [{ event: "a", id: "1", data: "x\ny" }, { event: "message", id: "1", data: "z" }];
  for (const end of ["\n", "\r\n", "\r"]) {
    check(["event: a", "id:1", "data: x", "data:y", "", "data: z", "", ""].join(end), want);
  }
});

test("what the standard says of odd lines holds", () => {
  check("\ufeffdata: a\n\n", [{ event: "message", id: "", data: "a" }]);
  check("data\n\n", [{ event: "message", id: "", data: "" }]);
  check("event: lost\n\ndata:  two spaces\n\n", [{ event: "message", id: "", data: " two spaces" }]);
  check("id: a\0b\ndata: x\n\n", [{ event: "message", id: "", data: "x" }]);
  check("other: 1\n: comment\ndata: x\n\n", [{ event: "message", id: "", data: "x" }]);
  check("data: unfinished\n", []);
});

test("a line or an event that is too long ends the stream", () => {
  assert.deepEqual(readAll([encoder.encode("data: 1234\n\n")], 10).map((event) => event.data), ["1234"]);
  assert.throws(() => readAll([encoder.encode("data: 12345")], 10), StreamFormatError);
  assert.throws(() => readAll(Array.from({ length: 11 }, () => encoder.encode("a")), 10), StreamFormatError);
  assert.throws(() => readAll([encoder.encode("data:1234\ndata:1234\ndata:1234\n")], 10), StreamFormatError);
});
