/**
 * How a part is started so that it takes little memory. Each setting was measured with a million series (see
 * docs/performance.md); without them everything works as well, with up to 60 MiB more for each process.
 */

/**
 * Node's options, for NODE_OPTIONS or the command line: new objects get 2 MiB in place of 16, of which nearly all
 * would be garbage, and V8 one helper thread in place of four, since each has memory of its own.
 */
export const leanNodeOptions: readonly string[] = ["--max-semi-space-size=2", "--v8-pool-size=1"];

/** The same for Deno, behind `deno run`. */
export const leanDenoOptions: readonly string[] = ["--v8-flags=--max-semi-space-size=2"];

/** The environment: glibc keeps the memory that was freed in two places in place of one for each thread. */
export const leanEnvironment: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: "2" };

/**
 * The variable that makes Node keep what it compiled in a folder. TypeScript is read without the compiler then, from
 * the second start on: 20 MiB less, and half of the CPU of a start.
 */
export const compileCacheVariable = "NODE_COMPILE_CACHE";
