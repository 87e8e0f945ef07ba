/**
 * Compiles `collector/kernel/assembly/` to `collector/kernel/kernel.wasm`, which is committed:
 *
 *   node scripts/build_kernel.ts
 */

import { writeFile } from "node:fs/promises";
import { compileKernel } from "../collector/kernel/testing/compile.ts";

const wasm = await compileKernel();
await writeFile(new URL("../collector/kernel/kernel.wasm", import.meta.url), wasm);
process.stdout.write(`collector/kernel/kernel.wasm: ${wasm.length} bytes\n`);
