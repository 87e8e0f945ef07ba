import assert from "node:assert/strict";
import { test } from "node:test";
import { FileMissingError } from "../core/runtime/env.ts";
import { type Inspect, walCommand } from "./wal.ts";

const origin = { epoch: 2n ** 63n, cluster: "c", namespace: "shop", name: "n-0" };
const record = { segment: 1, offset: 40, bytes: 60, kind: "opaque", entry: 7, entries: 1, origin, sequence: 3 };
const segment = {
  file: "0000000001.wal",
  bytes: 500,
  createdMs: 0,
  startEntry: 7,
  endEntry: 12,
  records: { scrapes: { count: 2 }, opaque: { count: 1 }, lost: { count: 0 } },
  origins: [{ origin }],
  damaged: [],
  tail: null,
  problem: null,
};
const log = {
  dir: "/data/wal",
  locks: [{ processId: 17, isRunning: true }],
  segments: [segment],
  setAside: [],
  bytes: 500,
  entries: 12,
  damagedEntries: 0,
  missing: [],
  isDamaged: false,
};

async function run(argv: readonly string[], inspect: Inspect): Promise<{ code: number; text: string }> {
  let text = "";
  const code = await walCommand(argv, inspect, { print: (part) => void (text += part), complain: assert.fail });
  return { code, text };
}

const inspectGood: Inspect = (_, { onRecord }) => {
  onRecord?.(record);
  return Promise.resolve(log);
};

test("people get a table, and who uses the log", async () => {
  const { code, text } = await run(["inspect", "/data"], inspectGood);
  assert.equal(code, 0);
  assert.equal(
    text,
    [
      "SEGMENT         CREATED                   BYTES  FIRST ENTRY  ENTRIES  SCRAPES  OPAQUE  LOST  ORIGINS  DAMAGED",
      "0000000001.wal  1970-01-01T00:00:00.000Z    500            7        5        2       1     0        1        0",
      "",
      "lock      process 17, which runs",
      "/data/wal: 500 bytes, 12 entries over its life, 0 damaged",
      "",
    ].join("\n"),
  );
});

test("damage is listed with what it took, and the exit code is 1", async () => {
  const damaged = {
    ...log,
    segments: [{
      ...segment,
      damaged: [{ offset: 80, end: 99, entries: 2 }, { offset: 500, end: 500, entries: 3 }],
      tail: { offset: 400, end: 500 },
    }],
    missing: [{ origin, firstSequence: 4, lastSequence: 5 }],
    setAside: ["0000000002.wal.bad"],
    isDamaged: true,
  };
  const { code, text } = await run(["inspect", "/data"], () => Promise.resolve(damaged));
  assert.equal(code, 1);
  for (
    const line of [
      "damaged   0000000001.wal bytes 80 to 99: 2 entries",
      "damaged   0000000001.wal bytes 500 to 500: 3 entries missing behind it",
      "tail      0000000001.wal bytes 400 to 500: being written, or torn",
      "missing   c/shop/n-0@9223372036854775808 sequence 4 to 5",
      "set aside 0000000002.wal.bad",
    ]
  ) {
    assert.ok(text.split("\n").includes(line), line);
  }
});

test("records come one by one before the rest, for people and for scripts", async () => {
  const table = await run(["inspect", "/data", "--records"], inspectGood);
  assert.match(table.text, /^1:40 opaque entries 7\+1 c\/shop\/n-0@9223372036854775808 sequence 3, 60 bytes\nSEGMENT/);
  const json = await run(["inspect", "/data", "--records", "--output", "json"], inspectGood);
  const [first, second] = json.text.trimEnd().split("\n").map((line): unknown => JSON.parse(line));
  const epoch = String(origin.epoch);
  assert.deepEqual(first, { ...record, origin: { ...origin, epoch } });
  assert.deepEqual(second, { ...log, segments: [{ ...segment, origins: [{ origin: { ...origin, epoch } }] }] });
  const yaml = await run(["inspect", "/data", "--records", "--output", "yaml"], inspectGood);
  assert.match(yaml.text, /^---\nsegment: 1\n[^]*\n---\ndir: "?\/data\/wal"?\n/);
});

test("a folder that is not there is told in one line", async () => {
  const inspect: Inspect = () => Promise.reject(new FileMissingError("no"));
  await assert.rejects(
    run(["inspect", "/none"], inspect),
    /^UserError: Cannot inspect WAL "\/none": there is no such folder$/,
  );
  await assert.rejects(run(["inspect"], inspect), /missing required argument .DIR./);
});
