import assert from "node:assert/strict";
import { test } from "node:test";
import type { ByteWriter } from "../../core/protocol/bytes.ts";
import { segmentHeaderBytes } from "./format.ts";
import { Tail } from "./tail.ts";
import { appendAll, opaque, openTestWal, origin, readAll, readOn, segmentPath } from "./wal_testing.ts";

const writerBytes = 16 * 1024;
const a = origin("a");
const texts = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => opaque(a, from + index, `text ${from + index}`));

function addText(tail: Tail, offset: number, text: string): ByteWriter {
  const writer = tail.takeWriter().raw(new TextEncoder().encode(text));
  tail.add(1, offset, writer);
  return writer;
}

function textAt(tail: Tail, offset: number): string | null {
  const part = tail.pin(1, offset);
  if (part === null) return null;
  const text = new TextDecoder().decode(part.bytes);
  tail.unpin(part);
  return text;
}

test("a part is found by any place in it, and what was never added is not", () => {
  const tail = new Tail(10 * writerBytes);
  addText(tail, 100, "first");
  addText(tail, 105, "second");
  assert.deepEqual([99, 100, 104, 105, 110, 111].map((offset) => textAt(tail, offset)), [
    null,
    "first",
    "first",
    "second",
    "second",
    null,
  ]);
  assert.equal(tail.pin(2, 100), null);
  assert.equal(tail.pin(0, 100), null);
});

test("the oldest parts go when the budget is used up, and their buffers serve again", () => {
  const tail = new Tail(2 * writerBytes);
  const first = addText(tail, 0, "first");
  addText(tail, 5, "second");
  addText(tail, 11, "third");
  assert.equal(tail.bytes, 2 * writerBytes);
  assert.deepEqual([textAt(tail, 0), textAt(tail, 5), textAt(tail, 11)], [null, "second", "third"]);
  assert.equal(tail.takeWriter(), first);
});

test("a buffer does not serve again while somebody reads it", () => {
  const tail = new Tail(writerBytes);
  const first = addText(tail, 0, "first");
  const [part, twice] = [tail.pin(1, 0), tail.pin(1, 0)];
  assert.ok(part !== null && twice !== null);
  addText(tail, 5, "second");
  assert.equal(textAt(tail, 0), null);
  tail.unpin(part);
  assert.notEqual(tail.takeWriter(), first);
  assert.equal(new TextDecoder().decode(part.bytes), "first");
  tail.unpin(twice);
  assert.equal(tail.takeWriter(), first);
});

test("without a budget nothing is kept, but buffers serve again", () => {
  const tail = new Tail(0);
  const first = addText(tail, 0, "first");
  assert.deepEqual([tail.bytes, textAt(tail, 0)], [0, null]);
  assert.equal(tail.takeWriter(), first);
});

/** Enough for some of the records, so that reading goes from the disk to the tail and from part to part. */
const someBytes = 5 * writerBytes;

test("reading the tail brings the same records and positions as reading the disk", async () => {
  for (const bytesMax of [1, 60, 150, 1e6]) {
    const found = [];
    for (const tailBytes of [0, someBytes, 1e9]) {
      const { wal } = await openTestWal({ segmentBytes: 100, tailBytes });
      for (let first = 1; first <= 60; first += 4) await appendAll(wal, texts(first, first + 3));
      assert.deepEqual(await readAll(wal, null, bytesMax), texts(1, 60));
      found.push((await readOn(wal.reader(null), bytesMax)).positions.at(-1));
      await wal.close();
    }
    assert.deepEqual(found[1], found[0]);
    assert.deepEqual(found[2], found[0]);
  }
});

test("a reader that keeps up reads no disk", async () => {
  const { wal, fs } = await openTestWal({ tailBytes: someBytes });
  const reader = wal.reader(null);
  await appendAll(wal, texts(1, 2));
  await readOn(reader, 1e6);
  const file = await fs.open(segmentPath(1), "create");
  for (let first = 3; first < 60; first += 3) {
    await appendAll(wal, texts(first, first + 2));
    // Whoever reads the file finds damage.
    const { bytes } = wal.stats();
    await file.write(new Uint8Array(bytes - segmentHeaderBytes).fill(0xff), segmentHeaderBytes);
    assert.deepEqual((await readOn(reader, 1e6)).records, texts(first, first + 2));
  }
  assert.equal(wal.stats().corruptRecords, 0);
  await file.close();
  await reader.close();
  await wal.close();
});

test("what a reader was given stays as it is while the log goes on, until it reads again", async () => {
  const { wal } = await openTestWal({ tailBytes: writerBytes });
  const reader = wal.reader(null);
  await appendAll(wal, texts(1, 3));
  const held = await reader.read(1e6);
  for (let first = 4; first < 40; first += 3) await appendAll(wal, texts(first, first + 2));
  assert.deepEqual(held?.records, texts(1, 3));
  assert.deepEqual((await readOn(reader, 1e6)).records, texts(4, 39));
  await reader.close();
  await wal.close();
});
