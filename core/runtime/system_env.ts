import { randomBytes } from "node:crypto";
import type { Env } from "./env.ts";
import { systemFileSystem } from "./system_fs.ts";
import { systemNetwork } from "./system_net.ts";

/** The real clock, random numbers, disk and network, on Node and Deno alike. */
export const systemEnv: Env = {
  clock: {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  },
  random: {
    float: () => Math.random(),
    bytes: (count) => new Uint8Array(randomBytes(count)),
  },
  fs: systemFileSystem,
  net: systemNetwork,
};
