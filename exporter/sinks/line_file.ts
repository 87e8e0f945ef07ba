import type { FileHandle } from "../../core/runtime/env.ts";

const newline = 0x0a;
const blockBytes = 64 * 1024;

/** Cuts what follows the last newline: a line that a crash left unfinished. Returns the bytes that remain. */
export async function cutIncompleteLine(handle: FileHandle): Promise<number> {
  const bytes = await handle.size();
  const kept = await endOfLastLine(handle, bytes);
  if (kept < bytes) await handle.truncate(kept);
  return kept;
}

async function endOfLastLine(handle: FileHandle, bytes: number): Promise<number> {
  const buffer = new Uint8Array(blockBytes);
  for (let end = bytes; end > 0;) {
    const start = Math.max(0, end - blockBytes);
    const block = buffer.subarray(0, end - start);
    const count = await handle.read(block, start);
    const at = block.subarray(0, count).lastIndexOf(newline);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}
