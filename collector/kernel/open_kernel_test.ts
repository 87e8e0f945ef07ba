import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLogger } from "../../core/telemetry/log.ts";
import { kernelBytesDefault } from "./kernel_memory.ts";
import { openKernel } from "./open_kernel.ts";

test("the kernel is the SIMD one, with the default memory, where WebAssembly works", () => {
  const kernel = openKernel(makeLogger("test", "silent"));
  assert.equal(kernel.name, "simd");
  assert.equal(kernel.memory.bytes.length, kernelBytesDefault);
});

test("where WebAssembly does not work the plain kernel takes its place, and the log says why", () => {
  let lines = "";
  const log = makeLogger("test", "warn", { write: (line) => void (lines += line) });
  const kernel = openKernel(log, 100_000, () => {
    throw new Error("Cannot use WebAssembly: the runtime has none");
  });
  assert.equal(kernel.name, "plain");
  assert.equal(kernel.memory.bytes.length, 128 * 1024);
  assert.match(lines, /Cannot use WebAssembly.*matched without SIMD/);
});
