import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { addTally, newBooks, type SinkAccount } from "../ledger/books.ts";
import { CursorFile, positionsOnRecord } from "./cursor_file.ts";

const directory = "/data/cursors";
const path = `${directory}/file.json`;
const golden = `{"format":"bcs-metric cursor","version":1,"sink":"file","segment":3,"offset":8192,"entry":120,`
  + `"logEntries":150,"sinceMs":1700000000000,"firstEntry":10,"settled":{"delivered":[100,2000],"rejected":[1,20],`
  + `"notCarried":[2,0],"notRouted":[3,60],"lostRetention":[4,80],"lostDamage":[0,0],"lostUnresolved":[0,0]},`
  + `"notes":{"declared":[7,140],"redelivered":[0,0],"resent":[0,0],"deadLettersDropped":[0,0],"leftOut":[0,9]},`
  + `"origins":[{"cluster":"c","namespace":"shop","name":"bcs-collector-shop-0","epoch":"17","sequence":40}],`
  + `"check":"fecb0f52"}\n`;
const logEntries = 150;

function accountOf(offset = 8192): SinkAccount {
  const books = newBooks(10, 1_700_000_000_000);
  const { settled, notes } = books;
  addTally(settled.delivered, { entries: 100, samples: 2000 });
  addTally(settled.rejected, { entries: 1, samples: 20 });
  addTally(settled.notCarried, { entries: 2, samples: 0 });
  addTally(settled.notRouted, { entries: 3, samples: 60 });
  addTally(settled.lostRetention, { entries: 4, samples: 80 });
  addTally(notes.declared, { entries: 7, samples: 140 });
  addTally(notes.leftOut, { entries: 0, samples: 9 });
  const origin = { cluster: "c", namespace: "shop", name: "bcs-collector-shop-0", epoch: 17n };
  return { position: { segment: 3, offset, entry: 120 }, books, origins: [{ origin, sequence: 40 }] };
}

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
  await cursorOf(fs).write(accountOf(), logEntries);
  assert.equal(new TextDecoder().decode(await fs.readFile(path)), golden);
});

test("a position is read back, after a power cut too", async () => {
  const fs = new MemoryFileSystem();
  await cursorOf(fs).write(accountOf(5), logEntries);
  await cursorOf(fs).write(accountOf(), logEntries);
  assert.deepEqual(await cursorOf(fs.crash("drop")).read(), { ...accountOf(), logEntries });
});

test("a crash at any point of a write leaves the old position or the new one", async () => {
  const fs = new MemoryFileSystem();
  await cursorOf(fs).write(accountOf(5), logEntries);
  const survivors: MemoryFileSystem[] = [];
  fs.before = () => void survivors.push(fs.crash("drop"), fs.crash("torn"));
  await cursorOf(fs).write(accountOf(), logEntries);
  fs.before = null;
  survivors.push(fs.crash("drop"));
  const found = await Promise.all(survivors.map((survivor) => cursorOf(survivor).read()));
  assert.ok(found.length > 10);
  for (const one of found) assert.ok(one !== null && one !== "damaged" && [5, 8192].includes(one.position.offset));
  assert.deepEqual(found.at(-1), { ...accountOf(), logEntries });
});

test("a missing file is no position", async () => {
  assert.equal(await cursorOf(new MemoryFileSystem()).read(), null);
});

test("a file of which anything does not hold is damaged", async () => {
  const fs = new MemoryFileSystem();
  await put(fs, golden);
  assert.deepEqual(await cursorOf(fs).read(), { ...accountOf(), logEntries });
  const damaged = [
    "",
    golden.slice(0, 40),
    "\0".repeat(80),
    golden.replace("8192", "8193"),
    golden.replace('"segment":3', '"segment":4'),
    golden.replace('"delivered":[100', '"delivered":[101'),
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
  await cursorOf(fs).write(accountOf(), logEntries);
  fs.capacityBytes = fs.usedBytes();
  await assert.rejects(cursorOf(fs).write(accountOf(9), logEntries), { code: "ENOSPC" });
  assert.deepEqual(await cursorOf(fs).read(), { ...accountOf(), logEntries });
});

test("the positions on record have the entries that the log had", async () => {
  const fs = new MemoryFileSystem();
  await cursorOf(fs).write(accountOf(), logEntries);
  await new CursorFile(directory, "other", fs).write(accountOf(), 100);
  const found = await positionsOnRecord(directory, ["file", "other", "new"], fs);
  assert.deepEqual(found, [{ segment: 3, offset: 8192, entry: 150 }, { segment: 3, offset: 8192, entry: 120 }]);
});

test("counts that do not add up to the position are damaged", async () => {
  const fs = new MemoryFileSystem();
  const account = accountOf();
  account.books.settled.delivered.entries++;
  await cursorOf(fs).write(account, logEntries);
  assert.equal(await cursorOf(fs).read(), "damaged");
});
