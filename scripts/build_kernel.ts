/**
 * Compiles `collector/kernel/assembly/` to the modules of `collector/kernel/`, which are committed:
 *
 *   node scripts/build_kernel.ts
 */

import { writeFile } from "node:fs/promises";
import { compileModule, moduleNames } from "../collector/kernel/testing/compile.ts";

for (const name of moduleNames) {
  const wasm = await compileModule(name);
  await writeFile(new URL(`../collector/kernel/${name}.wasm`, import.meta.url), wasm);
  process.stdout.write(`collector/kernel/${name}.wasm: ${wasm.length} bytes\n`);
}
