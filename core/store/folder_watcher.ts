import { watch } from "chokidar";
import { lstatSync, realpathSync } from "node:fs";
import { relative } from "node:path/posix";
import { isHiddenPath } from "./paths.ts";

/** Tells that something may have changed. What it was, and whether it did, is for the listener to find out. */
export interface FolderListener {
  /** The entry or folder at `path`, relative to the root, may have changed. */
  touched(path: string): void;
  /** Anything below the folder may have changed: a folder came or went, or a ConfigMap was swapped. */
  moved(): void;
  /** Changes may be missed from now on. */
  failed(error: unknown): void;
}

export type WatchFolder = (root: string, folder: string, listener: FolderListener) => { close(): Promise<void> };

/**
 * Watches a folder below `root` and everything in it through chokidar, links followed; the folder may come and go.
 * Hidden files are ignored, except for those whose name begins with two dots: by renaming its link `..data`, the
 * kubelet swaps all files of a mounted ConfigMap at once.
 */
export const watchFolder: WatchFolder = (root, folder, listener) => {
  const relativeTo = (path: string) => relative(root, path);
  const watcher = watch(folder, {
    ignoreInitial: true,
    // Our own writes are renames; the delay that pairs an editor's removal with its new file is not wanted here,
    // since a removal is confirmed by a second look anyway.
    atomic: false,
    ignored: (path) => isIgnored(relativeTo(path)) || leadsOut(root, path),
  });
  watcher.on("all", (event, path) => {
    const changed = relativeTo(path);
    if (event === "addDir" || event === "unlinkDir" || isHiddenPath(changed)) listener.moved();
    else listener.touched(changed);
  });
  // Files that changed between the listener's first look and now have given no event.
  watcher.on("ready", () => listener.moved());
  watcher.on("error", (error) => listener.failed(error));
  return { close: () => watcher.close() };
};

function isIgnored(path: string): boolean {
  if (path === "" || path.startsWith("..")) return false;
  const names = path.split("/").filter((name) => !name.startsWith(".."));
  return isHiddenPath(names.join("/"));
}

/** A link to the root of everything would have all of it watched. chokidar wants to know at once. */
function leadsOut(root: string, path: string): boolean {
  try {
    if (path === root || !lstatSync(path).isSymbolicLink()) return false;
    return relative(realpathSync(root), realpathSync(path)).startsWith("../");
  } catch {
    // It is gone, or cannot be looked at: then there is nothing to be watched either.
    return false;
  }
}
