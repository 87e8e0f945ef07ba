import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { ManualClock } from "./manual_clock.ts";

/** An empty disk in memory and a clock that stands still. */
export function memoryEnv() {
  return { fs: new MemoryFileSystem(), clock: new ManualClock(), random: systemEnv.random };
}
