import { basename, dirname, join } from "node:path/posix";
import { FileMissingError, type FileSystem, type Random } from "./env.ts";

/** Characters of the file's name that its temporary file's has: with the rest it stays below the usual 255 bytes. */
const temporaryStemMax = 50;

/**
 * Replaces the file `name` in the folder `root`/`relativeFolder` so that readers, and a crash at any instant, leave
 * either the whole old content or the whole new one: a temporary file beside it, fsync, rename, fsync of the folder.
 * Missing folders below `root` are made durable too. Temporary files have hidden names: `.cart.yaml.0f3a….tmp`, the
 * first part cut short where the file system would not take it.
 */
export async function writeAtomically(
  env: { readonly fs: FileSystem; readonly random: Random },
  root: string,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const { fs } = env;
  const target = join(root, path);
  const folder = dirname(target);
  await makeDurableFolder(fs, root, dirname(path));
  const temporary = join(folder, `.${basename(target).slice(0, temporaryStemMax)}.${hex(env.random.bytes(8))}.tmp`);
  try {
    const file = await fs.open(temporary, "exclusive");
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(temporary, target);
  } catch (error) {
    await fs.remove(temporary);
    throw error;
  }
  await fs.syncDir(folder);
}

/** Whether the name is that of a temporary file of ours, left behind by a crash when it is old. */
export function isTemporaryName(name: string): boolean {
  return /^\..+\.[0-9a-f]{16}\.tmp$/.test(name);
}

async function makeDurableFolder(fs: FileSystem, root: string, relative: string): Promise<void> {
  if (relative === "." || (await fs.stat(join(root, relative))) !== null) return;
  const parent = dirname(relative);
  await makeDurableFolder(fs, root, parent);
  // The root is never made here: were it gone, the write would land beside the volume instead of on it.
  if ((await fs.stat(root)) === null) throw new FileMissingError(`Cannot find "${root}"`);
  await fs.makeDir(join(root, relative));
  await fs.syncDir(join(root, parent));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
