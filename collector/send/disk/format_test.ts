import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { ByteWriter } from "../../../core/protocol/bytes.ts";
import {
  decodeMarks,
  decodeSegmentHeader,
  encodeMarks,
  encodeSegmentHeader,
  markedLossesMax,
  marksSlotBytes,
  writeLossItem,
  writeRecordItem,
  writeShapeItem,
} from "./format.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const header = { epoch: 7n, number: 1, firstSequence: 3, acknowledged: 2 };
const lost = {
  firstSequence: 3,
  lastSequence: 9,
  records: 7,
  samples: 7000,
  oldestMs: 1_700_000_000_000,
  newestMs: 1_700_000_060_000,
  reason: "spool full",
};

test("the header of a segment has its golden bytes", () => {
  const bytes = encodeSegmentHeader(header);
  assert.match(
    hex(bytes),
    /^62637373706c0d0a000000010000000000000007000000000000000100000000000000030000000000000002[0-9a-f]{8}$/,
  );
  assert.deepEqual(decodeSegmentHeader(bytes), header);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    assert.equal(decodeSegmentHeader(flipped), null, `byte ${at}`);
  }
});

test("items have their golden bytes", () => {
  const check = (write: (writer: ByteWriter) => void, payload: string, kind: string) => {
    const writer = new ByteWriter();
    write(writer);
    const text = hex(writer.view());
    assert.equal(text.slice(0, 8), (payload.length / 2).toString(16).padStart(8, "0"));
    assert.equal(text.slice(16), kind + payload);
  };
  check((writer) => writeShapeItem(writer, Uint8Array.of(1, 2, 3)), "010203", "01");
  const record = { sequence: 5, samples: 300, frameType: 20, id: 5n, timestampMs: 1000, body: Uint8Array.of(0xab) };
  check((writer) => writeRecordItem(writer, record), "05ac0200000014000000000000000500000000000003e8ab", "02");
  check(
    (writer) => writeLossItem(writer, lost),
    "09000000000000000307d8360000018bcfe568000000018bcfe652600a73706f6f6c2066756c6c",
    "03",
  );
});

test("marks come back as they were, as many losses as are allowed fit, and damage is noticed", () => {
  const losses = Array.from({ length: markedLossesMax }, (_, index) => ({
    ...lost,
    firstSequence: 2 ** 40 + index * 10,
    lastSequence: 2 ** 40 + index * 10 + 6,
    samples: 2 ** 40,
  }));
  const marks = { generation: 4, acknowledged: 2, bound: 2 ** 41, losses };
  const slot = encodeMarks(marks);
  assert.equal(slot.length, marksSlotBytes);
  assert.deepEqual(decodeMarks(slot), marks);
  slot[20] = (slot[20] ?? 0) ^ 1;
  assert.equal(decodeMarks(slot), null);
  assert.equal(decodeMarks(new Uint8Array(0)), null);
  assert.equal(decodeMarks(new Uint8Array(marksSlotBytes).fill(0xff)), null);
});

test("docs/spool.md has the same tables as format.ts", async () => {
  const rowsOf = (text: string) =>
    text.split("\n").map((line) => line.replace(/^ \* /, "").replaceAll(/\s+/g, " ").trim())
      .filter((row) => row.startsWith("|") && !row.startsWith("| -"));
  const [comment = ""] = (await readFile(new URL("format.ts", import.meta.url), "utf8")).split("*/");
  const page = new Set(rowsOf(await readFile(new URL("../../../docs/spool.md", import.meta.url), "utf8")));
  const code = rowsOf(comment);
  assert.ok(code.length >= 20, `${code.length} rows`);
  assert.deepEqual(code.filter((row) => !page.has(row)), []);
});
