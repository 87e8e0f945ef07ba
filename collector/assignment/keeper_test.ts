import assert from "node:assert/strict";
import { test } from "node:test";
import { FileSystemError } from "../../core/runtime/memory_fs.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { collectionPath, collectionText } from "../testing/collections.ts";
import { memoryEnv } from "../testing/memory_env.ts";
import { AssignmentKeeper } from "./keeper.ts";
import { LastGood } from "./last_good.ts";
import type { AssignmentSource, SourceEvent } from "./source.ts";

class ScriptedSource implements AssignmentSource {
  report: (event: SourceEvent) => void = () => {};
  closed = false;

  start(onEvent: (event: SourceEvent) => void): Promise<void> {
    this.report = onEvent;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

async function keeping(env = memoryEnv()) {
  await env.fs.makeDir("/data");
  await env.fs.syncDir("/");
  const applied: (number | null)[] = [];
  const source = new ScriptedSource();
  const keeper = new AssignmentKeeper({
    path: collectionPath,
    frequencyMinSeconds: 60,
    lastGood: new LastGood(env, "/data"),
    log: makeLogger("test", "silent"),
    apply: (assignment) => applied.push(assignment?.generation ?? null),
  });
  await keeper.restore();
  await keeper.follow(source);
  return { env, keeper, source, applied };
}

test("a restart goes on with the last good assignment before the source has spoken", async () => {
  const first = await keeping();
  assert.equal(first.keeper.isSettled, false);
  first.source.report({ type: "document", text: collectionText({ generation: 3 }) });
  first.source.report({ type: "document", text: "nonsense" });
  assert.equal(first.keeper.isSettled, true);
  await first.keeper.close();
  assert.ok(first.source.closed);

  const second = await keeping(first.env);
  assert.deepEqual(second.applied, [3]);
  assert.equal(second.keeper.isSettled, true);
  assert.equal(second.keeper.problem, "");
  await second.keeper.close();
});

test("after a removal a restart has nothing to go on with", async () => {
  const first = await keeping();
  first.source.report({ type: "document", text: collectionText({ generation: 3 }) });
  first.source.report({ type: "absent" });
  assert.equal(first.keeper.isSettled, true);
  await first.keeper.close();
  const second = await keeping(first.env);
  assert.deepEqual(second.applied, []);
  await second.keeper.close();
});

test("a full disk keeps nobody from scraping", async () => {
  const { env, keeper, source, applied } = await keeping();
  env.fs.before = (operation) => {
    if (operation.name === "write") throw new FileSystemError("ENOSPC", operation.path);
  };
  source.report({ type: "document", text: collectionText({ generation: 3 }) });
  await keeper.close();
  assert.deepEqual(applied, [3]);
});

test("what is kept survives a power cut whole, or as it was before", async () => {
  const { env, keeper, source } = await keeping();
  source.report({ type: "document", text: collectionText({ generation: 3 }) });
  await keeper.close();
  const again = await keeping(env);
  const found = new Set<number | null>();
  let cuts = 0;
  env.fs.before = () => {
    cuts++;
    for (const mode of ["drop", "keep", "torn"] as const) disks.push(env.fs.crash(mode));
  };
  const disks: typeof env.fs[] = [];
  again.source.report({ type: "document", text: collectionText({ generation: 4 }) });
  await again.keeper.close();
  env.fs.before = null;
  assert.ok(cuts > 3);
  for (const fs of [...disks, env.fs.crash("drop")]) {
    const { applied, keeper: restored } = await keeping({ ...env, fs });
    assert.equal(applied.length, 1);
    found.add(applied[0] ?? null);
    await restored.close();
  }
  assert.deepEqual(found, new Set([3, 4]));
});
