import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { testBatch, testOpaque, testScrapeOf } from "./batch_testing.ts";
import { createFileSink } from "./file_sink.ts";

const never = new AbortController().signal;
const options = { name: "file", directory: "/data/export" };
const path = "/data/export/metrics-00000001.jsonl";

async function readLines(fs: MemoryFileSystem): Promise<Record<string, unknown>[]> {
  const text = new TextDecoder().decode(await fs.readFile(path));
  return text.slice(0, -1).split("\n").map((line): Record<string, unknown> => JSON.parse(line));
}

test("scrapes and opaque records are delivered once they are fsynced", async () => {
  const fs = new MemoryFileSystem();
  const sink = createFileSink({ ...options, fs });
  const batch = testBatch([testScrapeOf("a", 3), testScrapeOf("b", 2)], [testOpaque("{}")]);
  assert.deepEqual(await sink.deliver(batch, never), { outcome: "delivered", samples: 5, records: 3 });
  const lines = await readLines(fs.crash("drop"));
  assert.deepEqual(lines.map((line) => line["name"] ?? line["dataId"]), ["a", "a", "a", "b", "b", 1_500_001]);
  await sink.close();
});

test("many small scrapes are few writes", async () => {
  const fs = new MemoryFileSystem();
  const sink = createFileSink({ ...options, fs });
  let writes = 0;
  fs.before = ({ name }) => {
    if (name === "write") writes++;
  };
  await sink.deliver(testBatch(Array.from({ length: 200 }, (_, index) => testScrapeOf("m", 5, index))), never);
  assert.equal(writes, 1);
  assert.equal((await readLines(fs)).length, 1000);
  await sink.close();
});

test("a full disk is a retry that names the folder, and the same batch is delivered when there is room", async () => {
  const fs = new MemoryFileSystem({ capacityBytes: 50 });
  const sink = createFileSink({ ...options, fs });
  const batch = testBatch([testScrapeOf("a", 3)]);
  const outcome = await sink.deliver(batch, never);
  assert.equal(outcome.outcome, "retry");
  assert.match(outcome.outcome === "retry" ? outcome.reason : "", /^Cannot write to "\/data\/export": ENOSPC/);
  fs.capacityBytes = 10_000;
  assert.equal((await sink.deliver(batch, never)).outcome, "delivered");
  assert.equal((await readLines(fs)).length, 3);
  await sink.close();
});

test("a folder that cannot be made is a retry", async () => {
  const fs = new MemoryFileSystem();
  await (await fs.open("/data", "create")).close();
  const sink = createFileSink({ ...options, fs });
  assert.equal((await sink.deliver(testBatch([testScrapeOf("a", 1)]), never)).outcome, "retry");
  await sink.close();
});

test("an aborted delivery is a retry", async () => {
  const sink = createFileSink({ ...options, fs: new MemoryFileSystem() });
  const outcome = await sink.deliver(testBatch([testScrapeOf("a", 1)]), AbortSignal.abort());
  assert.deepEqual(outcome, { outcome: "retry", reason: "stopped" });
  await sink.close();
});

test("a defect of ours is not taken for trouble with the disk", async () => {
  const sink = createFileSink({ ...options, fs: new MemoryFileSystem() });
  const broken = {
    ...testScrapeOf("a", 1),
    get blocks(): never {
      throw new TypeError("defect");
    },
  };
  await assert.rejects(sink.deliver({ scrapes: [broken], opaque: [], sampleCount: 1 }, never), { message: "defect" });
  await sink.close();
});
