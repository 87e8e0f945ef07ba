import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { CursorFile } from "./cursor_file.ts";

const directory = "/data/cursors";
const path = `${directory}/file.json`;
const position = { segment: 3, offset: 8192 };
const golden =
  `{"format":"bcs-metric cursor","version":1,"sink":"file","segment":3,"offset":8192,"check":"1f20f62a"}\n`;

function cursorOf(fs: MemoryFileSystem): CursorFile {
  return new CursorFile(directory, "file", fs);
}

async function put(fs: MemoryFileSystem, text: string): Promise<void> {
  await fs.makeDir(directory);
  const handle = await fs.open(path, "create");
  await handle.truncate(0);
  await handle.write(new TextEncoder().encode(text), 0);
  await handle.close();
}

test("the file has the documented form", async () => {
  const fs = new MemoryFileSystem();
  await cursorOf(fs).write(position);
  assert.equal(new TextDecoder().decode(await fs.readFile(path)), golden);
});

test("a position is read back, after a power cut too", async () => {
  const fs = new MemoryFileSystem();
  await cursorOf(fs).write({ segment: 1, offset: 5 });
  await cursorOf(fs).write(position);
  assert.deepEqual(await cursorOf(fs.crash("drop")).read(), position);
});

test("a crash at any point of a write leaves the old position or the new one", async () => {
  const fs = new MemoryFileSystem();
  await cursorOf(fs).write({ segment: 1, offset: 5 });
  const survivors: MemoryFileSystem[] = [];
  fs.before = () => void survivors.push(fs.crash("drop"), fs.crash("torn"));
  await cursorOf(fs).write(position);
  fs.before = null;
  survivors.push(fs.crash("drop"));
  const found = await Promise.all(survivors.map((survivor) => cursorOf(survivor).read()));
  assert.ok(found.length > 10);
  for (const one of found) assert.ok(one !== null && one !== "damaged" && [5, 8192].includes(one.offset));
  assert.deepEqual(found.at(-1), position);
});

test("a missing file is no position", async () => {
  assert.equal(await cursorOf(new MemoryFileSystem()).read(), null);
});

test("a file of which anything does not hold is damaged", async () => {
  const fs = new MemoryFileSystem();
  await put(fs, golden);
  assert.deepEqual(await cursorOf(fs).read(), position);
  const damaged = [
    "",
    golden.slice(0, 40),
    "\0".repeat(80),
    golden.replace("8192", "8193"),
    golden.replace('"segment":3', '"segment":4'),
    golden.replace('"version":1', '"version":2'),
    golden.replace('"sink":"file"', '"sink":"other"'),
    golden.replace("8192", "-1"),
    golden.replace("}", ',"more":1}'),
    "[]",
  ];
  for (const text of damaged) {
    await put(fs, text);
    assert.equal(await cursorOf(fs).read(), "damaged", text);
  }
});

test("a write that fails leaves the old position", async () => {
  const fs = new MemoryFileSystem();
  await cursorOf(fs).write(position);
  fs.capacityBytes = fs.usedBytes();
  await assert.rejects(cursorOf(fs).write({ segment: 9, offset: 9 }), { code: "ENOSPC" });
  assert.deepEqual(await cursorOf(fs).read(), position);
});
