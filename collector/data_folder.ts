import { dirname, join } from "node:path/posix";
import { errorCode, messageOf, UserError } from "../core/errors.ts";
import { writeAtomically } from "../core/runtime/atomic_write.ts";
import { type Env, FileMissingError } from "../core/runtime/env.ts";

const epochFile = "epoch";

/**
 * Makes the data folder, if it is missing, and returns the number of this start: the wall clock in milliseconds, or
 * one more than the last number if that is not greater. It is on disk before it is returned, so it never comes twice.
 * @throws UserError that says what to do when the folder cannot be used.
 */
export async function openDataFolder(
  folder: string,
  env: Pick<Env, "clock" | "fs" | "random">,
): Promise<{ readonly epoch: bigint }> {
  try {
    if ((await env.fs.stat(folder)) === null) {
      await env.fs.makeDir(folder);
      await env.fs.syncDir(dirname(folder));
    }
    const last = await readEpoch(join(folder, epochFile), env);
    const now = BigInt(Math.floor(env.clock.wallMs()));
    const epoch = now > last ? now : last + 1n;
    await writeEpoch(folder, epoch, env);
    return { epoch };
  } catch (error) {
    throw new UserError(`Cannot use "${folder}" as the data folder: ${adviceFor(error)}`, { cause: error });
  }
}

/**
 * A full disk has no room for a second file, but the number's own place is taken already: there it is written over, or
 * a collector that has to start again would not scrape until there is room. Digits that a power cut leaves of both
 * numbers are no danger before the clock goes back as well.
 */
async function writeEpoch(folder: string, epoch: bigint, env: Pick<Env, "fs" | "random">): Promise<void> {
  const bytes = new TextEncoder().encode(`${epoch}\n`);
  try {
    await writeAtomically(env, folder, epochFile, bytes);
  } catch (error) {
    const path = join(folder, epochFile);
    if (errorCode(error) !== "ENOSPC" || (await env.fs.stat(path))?.bytes !== bytes.length) throw error;
    const file = await env.fs.open(path, "create");
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

async function readEpoch(path: string, env: Pick<Env, "fs">): Promise<bigint> {
  let text: string;
  try {
    text = new TextDecoder().decode(await env.fs.readFile(path)).trim();
  } catch (error) {
    if (error instanceof FileMissingError) return 0n;
    throw error;
  }
  // A number made up anew could be one that was used before, and then two records would look like one.
  if (!/^\d{1,18}$/.test(text)) throw new Error(`"${path}" holds no number; remove it if the clock never went back`);
  return BigInt(text);
}

function adviceFor(error: unknown): string {
  switch (errorCode(error)) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return "it cannot be written; choose another with --data, or give this user the right to write it";
    case "ENOTDIR":
    case "EEXIST":
      return "it is a file; choose another with --data";
    case "ENOSPC":
      return "the disk is full";
    default:
      return messageOf(error);
  }
}
