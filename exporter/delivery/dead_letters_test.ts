import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeStale, testBatch, testOpaque, testScrape, testScrapeOf, testTimeMs } from "../sinks/batch_testing.ts";
import { batchOfLetter, type DeadLetter, deadLetterSchema, lettersOf } from "./dead_letter.ts";
import { DeadLetters } from "./dead_letters.ts";
import { resendLetters } from "./resend.ts";

const path = "/data/dead-letter/tsdb.jsonl";

function deadLettersOf(fs: MemoryFileSystem, bytesMax?: number): DeadLetters {
  const options = { directory: "/data/dead-letter", sink: "tsdb", clock: { ...systemEnv.clock, wallMs: () => 5 }, fs };
  return new DeadLetters(bytesMax === undefined ? options : { ...options, bytesMax });
}

async function readText(fs: MemoryFileSystem): Promise<string> {
  return new TextDecoder().decode(await fs.readFile(path));
}

test("each entry is a line with the reason, on disk when the write is done", async () => {
  const fs = new MemoryFileSystem();
  const origin = { cluster: "c", namespace: "shop", name: "x", epoch: 17n };
  const scrape = { ...testScrapeOf("m", 1), origin, sequence: 40 };
  const batch = testBatch([scrape], [testOpaque("{}", 7)]);
  assert.deepEqual(await deadLettersOf(fs).write(batch, `HTTP 400: "no"`), { entries: 0, samples: 0 });
  const head = `{"rejectedMs":5,"reason":"HTTP 400: \\"no\\"","timestampMs":${testTimeMs}`;
  assert.equal(
    await readText(fs.crash("drop")),
    `${head},"dataId":0,"origin":{"cluster":"c","namespace":"shop","name":"x","epoch":"17","sequence":40},`
      + `"labels":{"instance":"10.0.0.1:9100","job":"shop"},"families":[{"family":"m","type":"gauge","help":"",`
      + `"unit":"","samples":[["m",{"n":"0"},0]]}]}\n`
      + `${head},"dataId":7,"origin":null,"frameType":1,"record":"e30="}\n`,
  );
});

test("a letter holds all of its entry, to be delivered again", () => {
  const scrape = testScrape([[
    { name: "a", value: NaN },
    { name: "a", labels: { x: "1" }, value: -0, timestampMs: 9 },
    { name: "a", labels: { __proto__x: "2" }, value: Infinity },
  ], [{ name: "b", value: -Infinity }, { name: "b", labels: { y: "é" }, value: 0.1 }]]);
  makeStale(scrape, 4);
  for (const batch of [testBatch([scrape]), testBatch([], [testOpaque(Uint8Array.of(0, 255), 7)])]) {
    const [letter] = lettersOf(batch, "x", 5);
    const again = batchOfLetter(deadLetterSchema.parse(JSON.parse(JSON.stringify(letter))));
    const [one, two] = [batch.scrapes[0], again.scrapes[0]];
    assert.deepEqual(two?.blocks, one?.blocks);
    assert.deepEqual([two?.target, two?.layout, two?.timestampMs], [one?.target, one?.layout, one?.timestampMs]);
    assert.deepEqual(two?.sampleTimesMs, one?.sampleTimesMs);
    const bits = (
      values: Float64Array | undefined,
    ) => [...new BigUint64Array(values?.slice().buffer ?? new ArrayBuffer(0))];
    assert.deepEqual(bits(two?.values), bits(one?.values));
    assert.deepEqual(again.opaque, batch.opaque);
  }
});

test("later ones are appended, after an incomplete line was cut", async () => {
  const fs = new MemoryFileSystem();
  await deadLettersOf(fs).write(testBatch([testScrapeOf("a", 1)]), "x");
  const handle = await fs.open(path, "create");
  await handle.write(new TextEncoder().encode(`{"torn`), await handle.size());
  await handle.close();
  await deadLettersOf(fs).write(testBatch([testScrapeOf("b", 1)]), "x");
  assert.deepEqual(namesOf(await deadLettersOf(fs).list()), ["a", "b"]);
});

test("a full file takes no more, and what it did not take is counted", async () => {
  const fs = new MemoryFileSystem();
  const deadLetters = deadLettersOf(fs, 500);
  assert.deepEqual(await deadLetters.write(testBatch([testScrapeOf("m", 2)]), "x"), { entries: 0, samples: 0 });
  const before = await readText(fs);
  assert.deepEqual(await deadLetters.write(testBatch([testScrapeOf("m", 30)]), "x"), { entries: 1, samples: 30 });
  assert.equal(await readText(fs), before);
});

/** Sends what is kept again, to a destination that answers as told for each family. */
async function resend(deadLetters: DeadLetters, answers: Readonly<Record<string, "rejected" | "retry">>) {
  const delivered: string[] = [];
  const result = await resendLetters(deadLetters, {
    batchSamplesMax: 3,
    wallMs: () => 9,
    stopping: () => false,
    deliver(batch) {
      const names = batch.scrapes.map(({ blocks }) => blocks[0]?.family ?? "");
      const outcome = names.map((name) => answers[name]).find((one) => one !== undefined);
      if (outcome !== undefined) return Promise.resolve({ outcome, reason: "still" });
      delivered.push(...names);
      return Promise.resolve({ outcome: "delivered", samples: batch.sampleCount, records: names.length });
    },
  });
  return { delivered, counts: [result.delivered.entries, result.rejected.entries, result.left.entries] };
}

async function keep(fs: MemoryFileSystem, ...names: string[]): Promise<DeadLetters> {
  const deadLetters = deadLettersOf(fs);
  await deadLetters.write(testBatch(names.map((name) => testScrapeOf(name, 1))), "x");
  return deadLetters;
}

test("letters that are delivered are gone, the refused ones stay", async () => {
  const fs = new MemoryFileSystem();
  const deadLetters = await keep(fs, "a", "b", "c", "d");
  assert.deepEqual(await resend(deadLetters, { b: "rejected" }), { delivered: ["a", "c", "d"], counts: [3, 1, 0] });
  const left = await deadLetters.list();
  assert.deepEqual(left.map(({ reason, rejectedMs }) => [reason, rejectedMs]), [["still", 9]]);
  assert.deepEqual(namesOf(left), ["b"]);
  assert.deepEqual(await resend(deadLetters, {}), { delivered: ["b"], counts: [1, 0, 0] });
  assert.deepEqual(await resend(deadLetters, {}), { delivered: [], counts: [0, 0, 0] });
});

test("a destination that is away keeps the rest", async () => {
  const deadLetters = await keep(new MemoryFileSystem(), "a", "b", "c", "d", "e");
  assert.deepEqual((await resend(deadLetters, { d: "retry" })).counts, [3, 0, 2]);
  assert.deepEqual(namesOf(await deadLetters.list()), ["d", "e"]);
});

test("a crash while letters are sent loses none of them", async () => {
  const fs = new MemoryFileSystem();
  await (await keep(fs, "a", "b")).takeAll();
  const survivor = await keep(fs.crash("drop"), "c");
  assert.deepEqual(namesOf(await survivor.list()), ["a", "b", "c"]);
  assert.deepEqual((await resend(survivor, {})).delivered, ["a", "b"]);
  assert.deepEqual((await resend(survivor, {})).delivered, ["c"]);
});

function namesOf(letters: readonly DeadLetter[]): (string | undefined)[] {
  return letters.map((letter) => "families" in letter ? letter.families[0]?.family : undefined);
}
