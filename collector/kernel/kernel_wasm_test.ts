import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { compileModule, moduleNames } from "./testing/compile.ts";

for (const name of moduleNames) {
  test(`${name}.wasm is what its source compiles to; scripts/build_kernel.ts writes it`, async () => {
    const committed = await readFile(new URL(`./${name}.wasm`, import.meta.url));
    assert.ok(committed.equals(await compileModule(name)), "run node scripts/build_kernel.ts");
  });
}
