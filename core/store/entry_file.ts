import { createHash } from "node:crypto";
import { errorCode, messageOf } from "../errors.ts";
import { type Clock, type FileHandle, FileMissingError, type FileSystem } from "../runtime/env.ts";

/** What `stat` tells of a file: two equal ones mean that it was most likely not written in between. */
export interface FileStamp {
  readonly bytes: number;
  readonly modifiedMs: number;
}

export type EntryFile =
  | { readonly found: "text"; readonly text: string; readonly revision: string; readonly stamp: FileStamp }
  | { readonly found: "nothing" }
  | { readonly found: "unreadable"; readonly reason: string };

/** A writer that does not replace whole files is given this long to finish, in steps. */
const attempts = 8;
const pauseMs = 15;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a file as a whole text of at most `bytesMax` bytes. While somebody is writing it, and while it is empty (as
 * an editor that truncates first leaves it for an instant), it is read again, for about 0.1 s.
 * Never reads more than `bytesMax` bytes, whatever the file is a link to.
 */
export async function readEntryFile(
  env: { readonly fs: FileSystem; readonly clock: Clock },
  path: string,
  bytesMax: number,
): Promise<EntryFile> {
  let last: EntryFile = { found: "unreadable", reason: "the file keeps changing while it is read" };
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (attempt > 0) await pause(env.clock, pauseMs);
    const read = await readOnce(env.fs, path, bytesMax);
    if (read === "changing") continue;
    last = read;
    if (read.found !== "text" || read.text !== "") break;
  }
  return last;
}

/** Differs whenever the text differs. */
export function revisionOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 32);
}

export function pause(clock: Clock, durationMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(durationMs, resolve));
}

async function readOnce(fs: FileSystem, path: string, bytesMax: number): Promise<EntryFile | "changing"> {
  try {
    const before = await fs.stat(path);
    if (before === null) return { found: "nothing" };
    if (before.bytes > bytesMax) return tooLarge(bytesMax);
    const file = await fs.open(path, "read");
    try {
      return await readWhole(fs, file, path, before, bytesMax);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof FileMissingError) return { found: "nothing" };
    return { found: "unreadable", reason: reasonOf(error) };
  }
}

async function readWhole(
  fs: FileSystem,
  file: FileHandle,
  path: string,
  before: FileStamp,
  bytesMax: number,
): Promise<EntryFile | "changing"> {
  // One byte more than the file should have tells a file that grew, and stops at a link to an endless device.
  const buffer = new Uint8Array(before.bytes + 1);
  const count = await file.read(buffer, 0);
  if (count > bytesMax) return tooLarge(bytesMax);
  const after = await fs.stat(path);
  if (after === null) return "changing";
  if (count !== before.bytes || after.bytes !== before.bytes || after.modifiedMs !== before.modifiedMs) {
    return "changing";
  }
  const bytes = buffer.subarray(0, count);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return { found: "unreadable", reason: "the file is no UTF-8 text" };
  }
  return { found: "text", text, revision: revisionOf(bytes), stamp: before };
}

function tooLarge(bytesMax: number): EntryFile {
  return { found: "unreadable", reason: `the file is larger than ${bytesMax} bytes` };
}

function reasonOf(error: unknown): string {
  const code = errorCode(error);
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  return code === "EISDIR" ? "it is a folder" : messageOf(error);
}
