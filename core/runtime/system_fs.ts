import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "../errors.ts";
import { type FileHandle, FileMissingError, type FileSystem } from "./env.ts";

const openFlags = {
  read: constants.O_RDONLY,
  create: constants.O_RDWR | constants.O_CREAT,
  exclusive: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};

/** The operating system's files. Errors keep their `code` (`ENOSPC`, `EACCES`, …); absence is FileMissingError. */
export const systemFileSystem: FileSystem = {
  readFile: (path) => named(path, fs.readFile(path)),
  async readDir(path) {
    const entries = await named(path, fs.readdir(path, { withFileTypes: true }));
    return entries.map((entry) => ({
      name: entry.name,
      kind: entry.isFile() ? "file" : entry.isDirectory() ? "directory" : "other",
    }));
  },
  async stat(path) {
    try {
      const found = await fs.stat(path);
      return { bytes: found.size, modifiedMs: found.mtimeMs };
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  },
  realPath: (path) => named(path, fs.realpath(path)),
  open: async (path, mode) => fileHandle(await named(path, fs.open(path, openFlags[mode], 0o640))),
  makeDir,
  rename: (from, to) => named(from, fs.rename(from, to)),
  remove: (path) => fs.rm(path, { force: true }),
  async syncDir(path) {
    const directory = await named(path, fs.open(path, constants.O_RDONLY));
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
};

/** Step by step, since Node's own recursive mkdir never returns for a path below /proc. */
async function makeDir(path: string): Promise<void> {
  try {
    await fs.mkdir(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" && dirname(path) !== path) {
      await makeDir(dirname(path));
      await fs.mkdir(path).catch(ignoreCode("EEXIST"));
    } else if (code !== "EEXIST" || !(await fs.stat(path)).isDirectory()) {
      throw error;
    }
  }
}

function ignoreCode(code: string): (error: unknown) => void {
  return (error) => {
    if (errorCode(error) !== code) throw error;
  };
}

function fileHandle(handle: fs.FileHandle): FileHandle {
  return {
    async read(into, position) {
      let total = 0;
      while (total < into.length) {
        const { bytesRead } = await handle.read(into, total, into.length - total, position + total);
        if (bytesRead === 0) break;
        total += bytesRead;
      }
      return total;
    },
    async write(bytes, position) {
      let total = 0;
      while (total < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, total, bytes.length - total, position + total);
        total += bytesWritten;
      }
    },
    truncate: (bytes) => handle.truncate(bytes),
    sync: () => handle.datasync(),
    size: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}

async function named<T>(path: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    if (isMissing(error)) throw new FileMissingError(`Cannot find "${path}"`, { cause: error });
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return errorCode(error) === "ENOENT";
}
