import assert from "node:assert/strict";
import { test } from "node:test";
import { FileSystemError, MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { RotatingFile } from "./rotating_file.ts";

const directory = "/data/export";
const first = `${directory}/metrics-00000001.jsonl`;
const never = new AbortController().signal;

function openFile(fs: MemoryFileSystem, options: { rotateBytes?: number; filesMax?: number } = {}): RotatingFile {
  return new RotatingFile({ directory, rotateBytes: 1000, filesMax: 3, fs, ...options });
}

async function append(file: RotatingFile, ...texts: string[]): Promise<void> {
  await file.append(texts.map((text) => new TextEncoder().encode(text)), never);
}

async function contents(fs: MemoryFileSystem): Promise<Record<string, string>> {
  const names = (await fs.readDir(directory)).map(({ name }) => name).toSorted();
  const texts = await Promise.all(names.map((name) => fs.readFile(`${directory}/${name}`)));
  return Object.fromEntries(names.map((name, index) => [name, new TextDecoder().decode(texts[index])]));
}

async function putFile(fs: MemoryFileSystem, path: string, text: string): Promise<void> {
  await fs.makeDir(directory);
  const handle = await fs.open(path, "create");
  await handle.truncate(0);
  await handle.write(new TextEncoder().encode(text), 0);
  await handle.sync();
  await handle.close();
  await fs.syncDir(directory);
}

test("what was appended survives a power cut, directory and all", async () => {
  const fs = new MemoryFileSystem();
  await append(openFile(fs), "a\n", "b\n");
  assert.deepEqual(await contents(fs.crash("drop")), { "metrics-00000001.jsonl": "a\nb\n" });
});

test("a full file gets no further batch, and the oldest beyond the count are removed", async () => {
  const fs = new MemoryFileSystem();
  const file = openFile(fs, { rotateBytes: 4, filesMax: 2 });
  for (const text of ["a\n", "bbbb\n", "c\n", "ddd\n", "e\n"]) await append(file, text);
  assert.deepEqual(await contents(fs), { "metrics-00000002.jsonl": "c\nddd\n", "metrics-00000003.jsonl": "e\n" });
});

test("files that are not ours stay where they are", async () => {
  const fs = new MemoryFileSystem();
  await putFile(fs, `${directory}/metrics-1.jsonl`, "theirs");
  const file = openFile(fs, { rotateBytes: 1, filesMax: 1 });
  for (const text of ["a\n", "b\n"]) await append(file, text);
  assert.deepEqual(await contents(fs), { "metrics-00000002.jsonl": "b\n", "metrics-1.jsonl": "theirs" });
});

test("a restart goes on in the newest file after cutting an incomplete line", async () => {
  async function check(before: string, after: string) {
    const fs = new MemoryFileSystem();
    await putFile(fs, first, "old\n");
    await putFile(fs, `${directory}/metrics-00000002.jsonl`, before);
    await append(openFile(fs, { rotateBytes: 1_000_000 }), "new\n");
    const got = await contents(fs);
    assert.deepEqual(got, { "metrics-00000001.jsonl": "old\n", "metrics-00000002.jsonl": after });
  }
  await check("", "new\n");
  await check("whole\n", "whole\nnew\n");
  await check("whole\ntorn", "whole\nnew\n");
  await check("torn", "new\n");
  await check(`whole\n${"t".repeat(200_000)}`, "whole\nnew\n");
});

test("a disk that fills up leaves nothing of the batch once there is room again", async () => {
  const fs = new MemoryFileSystem({ capacityBytes: 10 });
  const file = openFile(fs);
  await append(file, "kept\n");
  await assert.rejects(append(file, "bbb\n", "cccccc\n"), { code: "ENOSPC" });
  fs.capacityBytes = 100;
  await append(file, "d\n");
  assert.deepEqual(await contents(fs), { "metrics-00000001.jsonl": "kept\nd\n" });
});

test("after a failed fsync the descriptor is not used again, and the batch is written anew", async () => {
  const fs = new MemoryFileSystem();
  const file = openFile(fs);
  await append(file, "kept\n");
  const operations: string[] = [];
  fs.before = ({ name, path }) => {
    operations.push(name);
    if (name === "sync" && !operations.includes("close")) throw new FileSystemError("EIO", path);
  };
  await assert.rejects(append(file, "again\n"), { code: "EIO" });
  await append(file, "again\n");
  assert.deepEqual(operations.filter((name) => ["sync", "open", "close"].includes(name)), [
    "sync",
    "close",
    "open",
    "sync",
  ]);
  assert.deepEqual(await contents(fs.crash("drop")), { "metrics-00000001.jsonl": "kept\nagain\n" });
});

test("a batch whose signal is aborted half-way is taken back", async () => {
  const fs = new MemoryFileSystem();
  const file = openFile(fs);
  await append(file, "kept\n");
  const abort = new AbortController();
  function* pieces() {
    yield new TextEncoder().encode("half\n");
    abort.abort();
    yield new TextEncoder().encode("other half\n");
  }
  await assert.rejects(file.append(pieces(), abort.signal));
  await append(file, "next\n");
  assert.deepEqual(await contents(fs), { "metrics-00000001.jsonl": "kept\nnext\n" });
});

test("an older failure does not cut what was appended since", async () => {
  const fs = new MemoryFileSystem({ capacityBytes: 10 });
  const file = openFile(fs);
  await append(file, "kept\n");
  await assert.rejects(append(file, "too long for it\n"));
  fs.capacityBytes = 1000;
  await append(file, "since\n");
  await file.close();
  await append(file, "last\n");
  assert.deepEqual(await contents(fs), { "metrics-00000001.jsonl": "kept\nsince\nlast\n" });
});

test("a file that someone removed or shortened is noticed", async () => {
  const fs = new MemoryFileSystem();
  const file = openFile(fs);
  await append(file, "a\n");
  await fs.remove(first);
  await append(file, "b\n");
  assert.deepEqual(await contents(fs), { "metrics-00000001.jsonl": "b\n" });
  await putFile(fs, first, "");
  await append(file, "c\n");
  assert.deepEqual(await contents(fs), { "metrics-00000001.jsonl": "c\n" });
});

test("a disk that is full when a file is to be rotated heals by itself", async () => {
  const fs = new MemoryFileSystem();
  const file = openFile(fs, { rotateBytes: 1 });
  await append(file, "a\n");
  fs.before = ({ name, path }) => {
    if (name === "open") throw new FileSystemError("ENOSPC", path);
  };
  await assert.rejects(append(file, "b\n"), { code: "ENOSPC" });
  fs.before = null;
  await append(file, "b\n");
  assert.deepEqual(await contents(fs), { "metrics-00000001.jsonl": "a\n", "metrics-00000002.jsonl": "b\n" });
});
