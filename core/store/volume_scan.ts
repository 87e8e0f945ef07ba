import { join } from "node:path/posix";
import { errorCode, messageOf } from "../errors.ts";
import { isTemporaryName } from "../runtime/atomic_write.ts";
import { type DirEntry, FileMissingError } from "../runtime/env.ts";
import { isEntryPath, isHiddenPath } from "./paths.ts";
import { type Bounds, isInside, leadsOut } from "./volume_bounds.ts";

/** Deepest folder that is looked into; entries are at most five deep. It also ends a circle of links. */
const depthMax = 8;

export interface VolumeScan {
  /** Paths of the files that are entries, sorted. */
  readonly paths: readonly string[];
  /** Folders that could not be read: what lies in them is unknown, not absent. */
  readonly unreadable: readonly { readonly path: string; readonly reason: string }[];
  /** Temporary files of atomic writes: under way when young, left behind by a crash when old. */
  readonly temporary: readonly string[];
}

/**
 * Finds the entries below `root` whose path begins with `prefix`. Symbolic links are followed, but not out
 * of it: a file there is told as a path, for whoever reads it to refuse, a folder as one that cannot be read.
 * @throws the error of the file system when `root` itself cannot be read.
 */
export async function scanVolume(bounds: Bounds, prefix: string): Promise<VolumeScan> {
  const { fs, root } = bounds;
  const paths: string[] = [];
  const unreadable: { path: string; reason: string }[] = [];
  const temporary: string[] = [];

  async function scanFolder(folder: string, depth: number): Promise<void> {
    let entries: DirEntry[];
    try {
      entries = await fs.readDir(join(root, folder));
    } catch (error) {
      if (folder === "") throw error;
      if (error instanceof FileMissingError) return;
      // A link or a name with a trailing slash may lead to a file, which is then taken as one.
      if (errorCode(error) === "ENOTDIR") take(folder);
      else unreadable.push({ path: folder, reason: messageOf(error) });
      return;
    }
    for (const entry of entries) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (isTemporaryName(entry.name)) temporary.push(path);
      if (isHiddenPath(path) || !mayHold(path, prefix)) continue;
      if (entry.kind === "file") take(path);
      else if (entry.kind === "other" && await leaves(path)) refuse(path);
      else if (depth < depthMax) await scanFolder(path, depth + 1);
    }
  }

  function take(path: string): void {
    if (isEntryPath(path) && path.startsWith(prefix)) paths.push(path);
  }

  function refuse(path: string): void {
    if (isEntryPath(path)) take(path);
    else unreadable.push({ path, reason: leadsOut });
  }

  /** What is gone or cannot be looked at is not followed here either, and is told of by whoever tries to. */
  async function leaves(path: string): Promise<boolean> {
    return !await isInside(bounds, path).catch(() => true);
  }

  const start = prefix.slice(0, Math.max(0, prefix.lastIndexOf("/")));
  if (start !== "" && await leaves(start)) unreadable.push({ path: start, reason: leadsOut });
  else await scanFolder(start, 0);
  return { paths: paths.toSorted(), unreadable, temporary };
}

/** Whether `path` itself, or something below it, can begin with `prefix`. */
function mayHold(path: string, prefix: string): boolean {
  return path.startsWith(prefix) || prefix.startsWith(`${path}/`);
}
