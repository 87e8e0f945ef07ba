import { dirname } from "node:path";
import { errorCode, messageOf, UserError } from "../../core/errors.ts";
import type { FileSystem } from "../../core/runtime/env.ts";
import type { ProcessTable } from "../../core/runtime/process_table.ts";

const lockPrefix = "lock.";

/**
 * Makes the directory when it is absent and makes this process the only one that uses it.
 * Returns what gives it back.
 * @throws UserError when it cannot be written, or another process uses it.
 */
export async function claimDirectory(
  dir: string,
  fs: FileSystem,
  processes: ProcessTable,
): Promise<() => Promise<void>> {
  try {
    await makeDurableDirectory(dir, fs);
    return await lockDirectory(dir, fs, processes);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot write to WAL "${dir}": ${adviceFor(error)}`, { cause: error });
  }
}

/** Makes the directory and those above it, so that they survive a power cut. */
async function makeDurableDirectory(dir: string, fs: FileSystem): Promise<void> {
  if (await fs.stat(dir) !== null) return;
  const parent = dirname(dir);
  await makeDurableDirectory(parent, fs);
  await fs.makeDir(dir);
  await fs.syncDir(parent);
}

function adviceFor(error: unknown): string {
  switch (errorCode(error)) {
    case "EACCES":
    case "EPERM":
      return "permission denied; make it writable for this user or choose another --data";
    case "EROFS":
      return "the file system is read-only; choose another --data";
    case "EEXIST":
    case "ENOTDIR":
      return "a part of that path is a file; choose another --data";
    case "ENOSPC":
    case "EDQUOT":
      return "the disk is full; make room or choose another --data";
    default:
      return messageOf(error);
  }
}

/**
 * Puts up an empty file that is named after this process and then looks for those of others. Two that start together
 * may both see each other and give up, but never both go on; and since the name says all, it works on a full disk
 * too. A file of a process that has ended is removed.
 */
async function lockDirectory(
  dir: string,
  fs: FileSystem,
  processes: ProcessTable,
): Promise<() => Promise<void>> {
  const own = `${dir}/${lockPrefix}${processes.self}`;
  try {
    await (await fs.open(own, "exclusive")).close();
  } catch (error) {
    throw errorCode(error) === "EEXIST" ? inUse(dir, processes.self) : error;
  }
  for (const { name } of await fs.readDir(dir)) {
    const identity = name.startsWith(lockPrefix) ? name.slice(lockPrefix.length) : processes.self;
    if (identity === processes.self) continue;
    if (processes.isRunning(identity)) {
      await fs.remove(own);
      throw inUse(dir, identity);
    }
    await fs.remove(`${dir}/${name}`);
  }
  return () => fs.remove(own);
}

/** A process that says that it uses the log. */
export interface LockHolder {
  readonly processId: number;
  /** False for a process that ended without giving it back: the next start takes it over. */
  readonly isRunning: boolean;
}

/** Whose locks are among the files of a log's directory. */
export function lockHolders(names: readonly string[], processes: ProcessTable): LockHolder[] {
  return names.filter((name) => name.startsWith(lockPrefix)).map((name) => {
    const identity = name.slice(lockPrefix.length);
    return { processId: Number.parseInt(identity, 10), isRunning: processes.isRunning(identity) };
  });
}

function inUse(dir: string, identity: string): UserError {
  const pid = identity.split("-")[0] ?? "";
  return new UserError(
    `Cannot open WAL "${dir}": the exporter with process id ${pid} uses it; stop that one or give this one another --data`,
  );
}
