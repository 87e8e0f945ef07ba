import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../core/errors.ts";
import { FileSystemError } from "../core/runtime/memory_fs.ts";
import { openDataFolder } from "./data_folder.ts";
import { ManualClock } from "./testing/manual_clock.ts";
import { memoryEnv } from "./testing/memory_env.ts";

test("the number of a start is the wall clock", async () => {
  const env = memoryEnv();
  assert.deepEqual(await openDataFolder("/data/collector", env), { epoch: BigInt(env.clock.wallMs()) });
});

test("every start has a greater number, even if the clock goes back", async () => {
  const env = memoryEnv();
  const first = await openDataFolder("/data", env);
  const second = await openDataFolder("/data", env);
  const third = await openDataFolder("/data", { ...env, clock: new ManualClock(1000) });
  assert.equal(second.epoch, first.epoch + 1n);
  assert.equal(third.epoch, first.epoch + 2n);
});

test("a number that was returned is on disk, whatever happens then", async () => {
  const env = memoryEnv();
  const first = await openDataFolder("/data", env);
  const second = await openDataFolder("/data", { ...env, fs: env.fs.crash("drop") });
  assert.ok(second.epoch > first.epoch);
});

test("on a full disk a start has its number all the same, unless it is the first", async () => {
  const env = memoryEnv();
  const first = await openDataFolder("/data", env);
  env.fs.capacityBytes = env.fs.usedBytes();
  const second = await openDataFolder("/data", env);
  assert.ok(second.epoch > first.epoch);
  const third = await openDataFolder("/data", { ...env, fs: env.fs.crash("drop") });
  assert.ok(third.epoch > second.epoch);
  const empty = memoryEnv();
  empty.fs.capacityBytes = 0;
  await assert.rejects(openDataFolder("/data", empty), /the disk is full/);
});

test("a folder that cannot be used is named in one line that says what to do", async () => {
  const failing = (code: string) => {
    const env = memoryEnv();
    env.fs.before = (operation) => {
      if (operation.name === "makeDir") throw new FileSystemError(code, operation.path);
    };
    return openDataFolder("/data", env);
  };
  const advice: [string, RegExp][] = [
    ["EACCES", /^Cannot use "\/data" as the data folder: it cannot be written; choose another with --data/],
    ["EEXIST", /it is a file/],
    ["ENOSPC", /the disk is full/],
  ];
  for (const [code, message] of advice) {
    await assert.rejects(failing(code), (error) => error instanceof UserError && message.test(error.message));
  }
});

test("a number that cannot be read is not made up anew", async () => {
  const env = memoryEnv();
  await openDataFolder("/data", env);
  const file = await env.fs.open("/data/epoch", "create");
  await file.write(new TextEncoder().encode("x"), 0);
  await file.close();
  await assert.rejects(openDataFolder("/data", env), /holds no number/);
});
