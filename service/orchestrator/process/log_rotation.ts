import { FileMissingError, type FileSystem } from "../../../core/runtime/env.ts";

export const logBytesMax = 10 * 1024 * 1024;

/**
 * Keeps a log within twice `bytesMax`: above that its content moves to `<path>.1`, which is replaced, and the log
 * is emptied in place, because its writer holds it open (for appending) and would follow a renamed file. What is
 * written between copy and emptying is lost. A log that is not there is left alone.
 */
export async function rotateLog(fs: FileSystem, path: string, bytesMax: number = logBytesMax): Promise<void> {
  const found = await fs.stat(path);
  if (found === null || found.bytes <= bytesMax) return;
  try {
    await replace(fs, `${path}.1`, await tail(fs, path, bytesMax));
    await empty(fs, path);
  } catch (error) {
    if (!(error instanceof FileMissingError)) throw error;
  }
}

/** The last `bytesMax` bytes: a log that grew beyond between two looks does not fill the memory. */
async function tail(fs: FileSystem, path: string, bytesMax: number): Promise<Uint8Array> {
  const file = await fs.open(path, "read");
  try {
    const size = await file.size();
    const content = new Uint8Array(Math.min(size, bytesMax));
    const count = await file.read(content, size - content.length);
    return content.subarray(0, count);
  } finally {
    await file.close();
  }
}

async function replace(fs: FileSystem, path: string, content: Uint8Array): Promise<void> {
  const file = await fs.open(path, "create");
  try {
    await file.truncate(0);
    await file.write(content, 0);
  } finally {
    await file.close();
  }
}

async function empty(fs: FileSystem, path: string): Promise<void> {
  const file = await fs.open(path, "create");
  try {
    await file.truncate(0);
  } finally {
    await file.close();
  }
}
