import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { compileKernel } from "./testing/compile.ts";

test("kernel.wasm is what its source compiles to; scripts/build_kernel.ts writes it", async () => {
  const committed = await readFile(new URL("./kernel.wasm", import.meta.url));
  assert.ok(committed.equals(await compileKernel()), "run node scripts/build_kernel.ts");
});
