import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryFileSystem } from "../../../core/runtime/memory_fs.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { LogKeeper, lookEveryMs } from "./log_keeper.ts";
import { logBytesMax } from "./log_rotation.ts";

async function write(fs: MemoryFileSystem, path: string, bytes: number): Promise<void> {
  const file = await fs.open(path, "create");
  await file.write(new Uint8Array(bytes), 0);
  await file.close();
}

/** Resolves once the file has the size. */
async function hasSize(fs: MemoryFileSystem, path: string, bytes: number): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if ((await fs.stat(path))?.bytes === bytes) return;
  }
  assert.fail(`${path} never had ${bytes} bytes`);
}

test("logs are looked at again and again, and a failure with one does not end that", async () => {
  const fs = new MemoryFileSystem();
  const clock = new ManualClock();
  const keeper = new LogKeeper({ clock, fs, log: makeLogger("test", "silent") });
  await fs.makeDir("/logs");
  await write(fs, "/logs/bad.log", logBytesMax + 1);
  await write(fs, "/logs/good.log", logBytesMax + 1);
  fs.before = ({ name, path }) => {
    if (name === "open" && path.startsWith("/logs/bad.log")) throw new Error("no");
  };
  keeper.add("/logs/bad.log");
  keeper.add("/logs/good.log");
  clock.advance(lookEveryMs);
  await hasSize(fs, "/logs/good.log", 0);
  assert.equal((await fs.stat("/logs/good.log.1"))?.bytes, logBytesMax);
  while (clock.pending === 0) await Promise.resolve();
  await write(fs, "/logs/good.log", logBytesMax + 1);
  clock.advance(lookEveryMs);
  await hasSize(fs, "/logs/good.log", 0);
  await keeper.close();
  assert.equal(clock.pending, 0);
});
