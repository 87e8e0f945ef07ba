import assert from "node:assert/strict";
import { test } from "node:test";
import { FileMissingError } from "./env.ts";
import { FileSystemError, MemoryFileSystem } from "./memory_fs.ts";

const ascii = (text: string) => new TextEncoder().encode(text);
const read = async (disk: MemoryFileSystem, path: string) => new TextDecoder().decode(await disk.readFile(path));
const names = async (disk: MemoryFileSystem, path: string) =>
  (await disk.readDir(path)).map(({ name }) => name).toSorted();

/** A disk with folder `d`, and in it `old` with content `before`, all of it durable. */
async function diskWithFile(): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  await disk.makeDir("/d");
  await disk.syncDir("/");
  const file = await disk.open("/d/old", "exclusive");
  await file.write(ascii("before"), 0);
  await file.sync();
  await file.close();
  await disk.syncDir("/d");
  return disk;
}

test("what was written can be read back, with zeros in a gap", async () => {
  const disk = await diskWithFile();
  const file = await disk.open("/d/old", "create");
  await file.write(ascii("x"), 8);
  assert.equal(await read(disk, "/d/old"), "before\0\0x");
  const into = new Uint8Array(4);
  assert.equal(await file.read(into, 7), 2);
  await file.truncate(3);
  assert.equal(await read(disk, "d/old"), "bef");
  assert.equal(await file.size(), 3);
});

test("a file's content survives a crash only after its fsync", async () => {
  const disk = await diskWithFile();
  const file = await disk.open("/d/old", "create");
  await file.write(ascii("AFTER"), 0);
  await file.truncate(5);
  assert.equal(await read(disk.crash("drop"), "/d/old"), "before");
  assert.equal(await read(disk.crash("keep"), "/d/old"), "AFTER");
  await file.sync();
  assert.equal(await read(disk.crash("drop"), "/d/old"), "AFTER");
  assert.equal(await read(disk, "/d/old"), "AFTER", "the disk itself goes on");
});

test("creations, renames and removals survive a crash only after the directory's fsync", async () => {
  const disk = await diskWithFile();
  const file = await disk.open("/d/new", "exclusive");
  await file.write(ascii("n"), 0);
  await file.sync();
  await disk.rename("/d/new", "/d/renamed");
  await disk.remove("/d/old");
  assert.deepEqual(await names(disk, "/d"), ["renamed"]);
  assert.deepEqual(await names(disk.crash("drop"), "/d"), ["old"]);
  assert.deepEqual(await names(disk.crash("keep"), "/d"), ["renamed"]);
  await disk.syncDir("/d");
  assert.deepEqual(await names(disk.crash("drop"), "/d"), ["renamed"]);
  assert.equal(await read(disk.crash("drop"), "/d/renamed"), "n");
});

test("a torn crash keeps some sectors whole and leaves the others as they were", async () => {
  const disk = await diskWithFile();
  const file = await disk.open("/d/old", "create");
  await file.write(new Uint8Array(2000).fill(7), 100);
  const turns = [0.1, 0.9, 0.1];
  const torn = await disk.crash("torn", () => turns.shift() ?? 0.9).readFile("/d/old");
  assert.deepEqual([...new Set(torn.subarray(100, 512))], [7]);
  assert.deepEqual([...new Set(torn.subarray(512, 1024))], [0]);
  assert.deepEqual([...new Set(torn.subarray(1024, 1536))], [7]);
  assert.equal(torn.length, 1536, "the last two sectors were lost");
});

test("a full disk takes what fits, fails with ENOSPC and works again when room returns", async () => {
  const disk = new MemoryFileSystem({ capacityBytes: 10 });
  const file = await disk.open("/a", "exclusive");
  await file.write(ascii("12345678"), 0);
  await assert.rejects(file.write(ascii("abcd"), 8), hasCode("ENOSPC"));
  assert.equal(await read(disk, "/a"), "12345678ab");
  await file.write(ascii("XX"), 0);
  disk.capacityBytes = 12;
  await file.write(ascii("abcd"), 8);
  assert.equal(await read(disk, "/a"), "XX345678abcd");
});

test("an operation fails as the hook says, and does nothing then", async () => {
  const disk = await diskWithFile();
  disk.before = (operation) => {
    if (operation.name === "remove") throw new FileSystemError("EIO", operation.path);
  };
  await assert.rejects(disk.remove("/d/old"), hasCode("EIO"));
  assert.deepEqual(await names(disk, "/d"), ["old"]);
});

test("misuse fails as on a real disk", async () => {
  const disk = await diskWithFile();
  await assert.rejects(disk.open("/d/old", "exclusive"), hasCode("EEXIST"));
  await assert.rejects(disk.open("/none", "read"), FileMissingError);
  await assert.rejects(disk.open("/none/file", "create"), FileMissingError);
  await assert.rejects(disk.readDir("/none"), FileMissingError);
  await assert.rejects(disk.rename("/none", "/other"), FileMissingError);
  await assert.rejects(disk.readDir("/d/old"), hasCode("ENOTDIR"));
  await assert.rejects(disk.makeDir("/d/old/sub"), hasCode("ENOTDIR"));
  await assert.rejects(disk.remove("/d"), hasCode("EISDIR"));
  const reading = await disk.open("/d/old", "read");
  await assert.rejects(reading.write(ascii("x"), 0), hasCode("EBADF"));
  await reading.close();
  await assert.rejects(reading.read(new Uint8Array(1), 0), hasCode("EBADF"));
  await disk.remove("/none");
  assert.equal(await disk.stat("/none"), null);
});

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof FileSystemError && error.code === code;
}
