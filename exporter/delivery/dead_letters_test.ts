import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { testBatch, testOpaque, testScrapeOf, testTimeMs } from "../sinks/batch_testing.ts";
import { DeadLetters } from "./dead_letters.ts";

const path = "/data/dead-letter/tsdb.jsonl";

function deadLettersOf(fs: MemoryFileSystem, bytesMax?: number): DeadLetters {
  const options = { directory: "/data/dead-letter", sink: "tsdb", clock: { ...systemEnv.clock, wallMs: () => 5 }, fs };
  return new DeadLetters(bytesMax === undefined ? options : { ...options, bytesMax });
}

async function readText(fs: MemoryFileSystem): Promise<string> {
  return new TextDecoder().decode(await fs.readFile(path));
}

test("each sample and record is a line with the reason, on disk when the write is done", async () => {
  const fs = new MemoryFileSystem();
  const batch = testBatch([testScrapeOf("m", 1)], [testOpaque("{}", 7)]);
  assert.equal(await deadLettersOf(fs).write(batch, `HTTP 400: "no"`), 0);
  const reason = `"rejectedMs":5,"reason":"HTTP 400: \\"no\\""}`;
  assert.equal(
    await readText(fs.crash("drop")),
    `{"name":"m","labels":{"instance":"10.0.0.1:9100","job":"shop","n":"0"},"value":0,"timestampMs":${testTimeMs},${reason}\n`
      + `{"dataId":7,"timestampMs":${testTimeMs},"record":{},${reason}\n`,
  );
});

test("later ones are appended, after an incomplete line was cut", async () => {
  const fs = new MemoryFileSystem();
  await deadLettersOf(fs).write(testBatch([testScrapeOf("a", 1)]), "x");
  const handle = await fs.open(path, "create");
  await handle.write(new TextEncoder().encode(`{"torn`), await handle.size());
  await handle.close();
  await deadLettersOf(fs).write(testBatch([testScrapeOf("b", 1)]), "x");
  const lines = (await readText(fs)).trimEnd().split("\n").map((line) => (JSON.parse(line) as { name: string }).name);
  assert.deepEqual(lines, ["a", "b"]);
});

test("a full file takes no more, and what it did not take is counted", async () => {
  const fs = new MemoryFileSystem();
  const deadLetters = deadLettersOf(fs, 500);
  assert.equal(await deadLetters.write(testBatch([testScrapeOf("m", 2)]), "x"), 0);
  const before = await readText(fs);
  assert.equal(await deadLetters.write(testBatch([testScrapeOf("m", 3)]), "x"), 3);
  assert.equal(await readText(fs), before);
});
