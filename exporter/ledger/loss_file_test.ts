import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { contentOf, type Loss } from "./loss.ts";
import { LossFile, lossFileBytesMax } from "./loss_file.ts";

const path = "/data/losses/tsdb.jsonl";
const origin = { cluster: "c", namespace: "shop", name: "x", epoch: 17n };

function lossOf(toEntry: number, detail = "HTTP 503"): Loss {
  const entries = [3, 4, 9].map((sequence) => ({ origin, sequence, samples: 2, timestampMs: sequence }));
  return {
    reason: "retention",
    detail,
    firstSegment: 1,
    lastSegment: 2,
    fromEntry: 0,
    toEntry,
    ...contentOf(entries),
  };
}

function fileOf(fs: MemoryFileSystem): LossFile {
  return new LossFile("/data/losses", "tsdb", fs);
}

async function textOf(fs: MemoryFileSystem): Promise<string> {
  return new TextDecoder().decode(await fs.readFile(path));
}

test("a declared loss is on disk, and read back", async () => {
  const fs = new MemoryFileSystem();
  await fileOf(fs).declare([lossOf(5)], 1000);
  assert.equal(
    await textOf(fs.crash("drop")),
    `{"declaredMs":1000,"reason":"retention","detail":"HTTP 503","firstSegment":1,"lastSegment":2,"fromEntry":0,`
      + `"toEntry":5,"entries":3,"samples":6,"oldestMs":3,"newestMs":9,"origins":[{"cluster":"c","namespace":"shop",`
      + `"name":"x","epoch":"17","firstSequence":3,"lastSequence":9,"entries":3,"samples":6}]}\n`,
  );
  const again = fileOf(fs);
  await again.open(5);
  assert.deepEqual(again.recent, [{ declaredMs: 1000, ...lossOf(5) }]);
});

test("what a crash parted from its cursor, or cut short, is declared anew", async () => {
  const fs = new MemoryFileSystem();
  await fileOf(fs).declare([lossOf(5), lossOf(8)], 1000);
  const handle = await fs.open(path, "create");
  await handle.write(new TextEncoder().encode(`{"torn`), await handle.size());
  await handle.close();
  const again = fileOf(fs);
  await again.open(5);
  assert.deepEqual(again.recent.map(({ toEntry }) => toEntry), [5]);
  await again.declare([lossOf(9)], 2000);
  assert.deepEqual((await textOf(fs)).match(/"toEntry":\d+/g), [`"toEntry":5`, `"toEntry":9`]);
});

test("a declaration that fails is written over by the next attempt", async () => {
  const fs = new MemoryFileSystem();
  const file = fileOf(fs);
  await file.declare([lossOf(5)], 1000);
  fs.before = ({ name }) => {
    if (name === "sync") throw new Error("EIO");
  };
  await assert.rejects(file.declare([lossOf(8)], 1000));
  fs.before = null;
  await file.declare([lossOf(8)], 1000);
  assert.equal((await textOf(fs)).split("\n").length - 1, 2);
});

test("the file is bounded: a full one becomes the one before", async () => {
  const fs = new MemoryFileSystem();
  const file = fileOf(fs);
  const large = lossOf(5, "x".repeat(lossFileBytesMax / 2));
  for (let count = 0; count < 5; count++) await file.declare([large], 1000);
  assert.ok((await textOf(fs)).length <= lossFileBytesMax);
  assert.notEqual(await fs.stat("/data/losses/tsdb.1.jsonl"), null);
  assert.ok(fs.usedBytes() <= 2 * lossFileBytesMax);
});

test("a file that is not there holds no losses", async () => {
  const file = fileOf(new MemoryFileSystem());
  await file.open(5);
  assert.deepEqual(file.recent, []);
});
