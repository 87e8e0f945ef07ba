import { dirname, join } from "node:path/posix";
import { errorCode } from "../errors.ts";
import type { FileSystem } from "../runtime/env.ts";
import { RevisionConflictError, type Store } from "./store.ts";

/**
 * Creates an entry that is not there: of any number of processes that try the same path, at the same instant and on
 * whatever machine, exactly one is told that it did. Returns false when it is there already.
 */
export type CreateEntry = (path: string, text: string) => Promise<boolean>;

/** For a store whose conditional writes are exact between processes, such as etcd. */
export function createInStore(store: Store): CreateEntry {
  return async (path, text) => {
    try {
      await store.put(path, text, null);
      return true;
    } catch (error) {
      if (error instanceof RevisionConflictError) return false;
      throw error;
    }
  };
}

/**
 * For a volume, whose conditional writes are exact within one process only: the exclusive creation of a file is atomic
 * between processes of one machine, and on NFS from version 3 on. Who dies between creating the file and writing its
 * text leaves an empty one, which is a claim all the same.
 */
export function createOnVolume(fs: FileSystem, root: string): CreateEntry {
  return async (path, text) => {
    const file = join(root, path);
    await fs.makeDir(dirname(file));
    const handle = await openExclusively(fs, file);
    if (handle === null) return false;
    try {
      await handle.write(new TextEncoder().encode(text), 0);
      await handle.sync();
    } catch (error) {
      // As on a full disk. Nobody leads with this epoch then, so that it may be claimed again.
      await fs.remove(file);
      throw error;
    } finally {
      await handle.close();
    }
    await fs.syncDir(dirname(file));
    return true;
  };
}

async function openExclusively(fs: FileSystem, file: string) {
  try {
    return await fs.open(file, "exclusive");
  } catch (error) {
    if (errorCode(error) === "EEXIST") return null;
    throw error;
  }
}
