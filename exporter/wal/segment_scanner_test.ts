import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter } from "../../core/protocol/bytes.ts";
import type { FileHandle } from "../../core/runtime/env.ts";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { RecordKind, writeRecord } from "./format.ts";
import { readBytes, type ScanItem, SegmentScanner } from "./segment_scanner.ts";

/** A file with records of the given sizes, each filled with its number, behind 10 bytes of something else. */
async function fileOf(...sizes: number[]): Promise<{ file: FileHandle; bytes: number; fs: MemoryFileSystem }> {
  const writer = new ByteWriter().raw(new Uint8Array(10));
  for (const [index, size] of sizes.entries()) {
    writeRecord(writer, RecordKind.shape, 0, new Uint8Array(size).fill(index + 1));
  }
  const fs = new MemoryFileSystem();
  const file = await fs.open("/segment", "exclusive");
  await file.write(writer.view(), 0);
  return { file, bytes: writer.length, fs };
}

/** Each item as its size, or as damage with its range. */
async function scan(scanner: SegmentScanner, bytesMax: number): Promise<(number | string)[]> {
  const all: (number | string)[] = [];
  for (let items = await scanner.read(bytesMax); items.length > 0; items = await scanner.read(bytesMax)) {
    all.push(...items.map(describe));
  }
  return all;
}

function describe(item: ScanItem): number | string {
  if (item.found === "damage") return `${item.offset}-${item.end}`;
  assert.ok(item.payload.every((byte) => byte === item.payload[0]));
  return item.payload.length;
}

test("records are read in order, however few bytes are asked for", async () => {
  const sizes = [1, 500, 0, 3, 2000, 7];
  const { file, bytes } = await fileOf(...sizes);
  for (const bytesMax of [1, 10, 600, 1e9]) {
    const scanner = new SegmentScanner(file, 10, bytes);
    assert.deepEqual(await scan(scanner, bytesMax), sizes, `${bytesMax}`);
    assert.equal(scanner.offset, bytes);
  }
});

test("records that straddle the read buffer or exceed it are read whole", async () => {
  const sizes = [readBytes - 20, 100, readBytes * 2 + 5, 50, readBytes, 1];
  const { file, bytes } = await fileOf(...sizes);
  assert.deepEqual(await scan(new SegmentScanner(file, 10, bytes), 1e9), sizes);
});

test("many records are read from the file at once, not one by one", async () => {
  const { file, bytes, fs } = await fileOf(...Array.from({ length: 1000 }, () => 100));
  let reads = 0;
  fs.before = ({ name }) => void (reads += name === "read" ? 1 : 0);
  const scanner = new SegmentScanner(file, 10, bytes);
  assert.equal((await scan(scanner, 5000)).length, 1000);
  assert.equal(reads, 1);
});

test("nothing is read beyond the limit, and what is new below a raised one is", async () => {
  const { file, bytes } = await fileOf(20, 30, 40);
  const scanner = new SegmentScanner(file, 10, 10 + 37);
  assert.deepEqual(await scan(scanner, 1e9), [20]);
  scanner.extend(bytes);
  assert.deepEqual(await scan(scanner, 1e9), [30, 40]);
});

test("damage is passed over, up to the next good record", async () => {
  const { file, bytes } = await fileOf(20, 30, 40);
  await file.write(Uint8Array.of(0xff), 10 + 37 + 15);
  assert.deepEqual(await scan(new SegmentScanner(file, 10, bytes), 1e9), [20, "47-94", 40]);
  await file.write(Uint8Array.of(0xff), 10);
  assert.deepEqual(await scan(new SegmentScanner(file, 10, bytes), 1e9), ["10-94", 40]);
  assert.deepEqual(await scan(new SegmentScanner(file, 10, bytes), 1), ["10-94", 40]);
});

test("a tail that is torn anywhere is damage up to the limit", async () => {
  const { file, bytes } = await fileOf(20, 30);
  for (let limit = 48; limit < bytes; limit++) {
    assert.deepEqual(await scan(new SegmentScanner(file, 10, limit), 1e9), [20, `47-${limit}`]);
  }
});

test("a file that is shorter than it was said to be ends in damage", async () => {
  const { file, bytes } = await fileOf(20, 30);
  for (const cut of [12, 47, 53]) {
    await file.truncate(cut);
    const want = cut < 47 ? [`10-${bytes}`] : [20, `47-${bytes}`];
    await file.write((await fileBytes(20)).subarray(0, cut), 0);
    assert.deepEqual(await scan(new SegmentScanner(file, 10, bytes), 1e9), want, `cut at ${cut}`);
  }
});

async function fileBytes(size: number): Promise<Uint8Array> {
  return (await fileOf(size)).fs.readFile("/segment");
}
