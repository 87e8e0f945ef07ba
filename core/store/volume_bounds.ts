import { dirname, join } from "node:path/posix";
import { messageOf } from "../errors.ts";
import { type Clock, FileMissingError, type FileSystem } from "../runtime/env.ts";
import { type EntryFile, readEntryFile } from "./entry_file.ts";
import { entryBytesMax } from "./paths.ts";
import { StorePathError, StoreUnavailableError } from "./store.ts";

/**
 * Links are followed within the volume, since the files of a mounted ConfigMap are links beside their targets. One
 * that leads elsewhere would show, or let somebody change, whatever this process may read and write.
 */
export const leadsOut = "it leads out of the volume";

/** A file that is there and then is not was exchanged meanwhile, as all of a ConfigMap are at once. */
const attempts = 3;

/** A volume's folder, as far as it is known where it really is. */
export interface Bounds {
  readonly fs: FileSystem;
  readonly root: string;
  /** "" while it is not known. Looked at again whenever something is not in it: each look may cross a network. */
  realRoot: string;
}

/** Whether a file or folder, which has to be there, is in the volume when all links are followed. */
export async function isInside(bounds: Bounds, path: string): Promise<boolean> {
  return await realPathInside(bounds, path) !== null;
}

/** Reads an entry's file as {@link readEntryFile} does, unless it leads out of the volume. */
export async function readVolumeFile(clock: Clock, bounds: Bounds, path: string): Promise<EntryFile> {
  for (let attempt = 1;; attempt++) {
    const read = await readOnce(clock, bounds, path);
    if (read !== "exchanged") return read;
    if (attempt === attempts) return { found: "unreadable", reason: "the file keeps being exchanged" };
  }
}

/**
 * @throws StorePathError unless the folder of a file that is to be written or removed is in the volume;
 * StoreUnavailableError when that cannot be found out.
 */
export async function requireInside(bounds: Bounds, path: string): Promise<void> {
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
    try {
      if (await isInside(bounds, folder)) return;
    } catch (error) {
      // What is not there will be made, in the nearest folder that is.
      if (error instanceof FileMissingError) continue;
      throw new StoreUnavailableError(`Cannot look at the folder "${folder}": ${messageOf(error)}`, { cause: error });
    }
    throw new StorePathError(`Cannot use the path "${path}": the folder "${folder}": ${leadsOut}`);
  }
}

async function readOnce(clock: Clock, bounds: Bounds, path: string): Promise<EntryFile | "exchanged"> {
  let real: string | null;
  try {
    real = await realPathInside(bounds, path);
  } catch (error) {
    if (error instanceof FileMissingError) return { found: "nothing" };
    // What else is wrong with the path is told by whoever reads the file.
    real = join(bounds.root, path);
  }
  if (real === null) return { found: "unreadable", reason: leadsOut };
  const read = await readEntryFile({ clock, fs: bounds.fs }, real, entryBytesMax(path));
  return read.found === "nothing" ? "exchanged" : read;
}

/** Null for what is outside. The root may be a link itself, and be exchanged as a whole. */
async function realPathInside(bounds: Bounds, path: string): Promise<string | null> {
  const { fs, root } = bounds;
  const real = await fs.realPath(join(root, path));
  if (isBelow(bounds.realRoot, real)) return real;
  bounds.realRoot = await fs.realPath(root);
  return isBelow(bounds.realRoot, real) ? real : null;
}

function isBelow(folder: string, path: string): boolean {
  return folder !== "" && (path === folder || path.startsWith(folder === "/" ? folder : `${folder}/`));
}
