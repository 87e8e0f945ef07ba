/**
 * Where the cursor of a sink is kept: `<data>/cursors/<sink>.json`, one line of JSON.
 *
 *   {"format":"bcs-metric cursor","version":1,"sink":"file","segment":3,"offset":8192,"check":"1f20f62a"}
 *
 * | member  | meaning                                                                               |
 * | ------- | ------------------------------------------------------------------------------------- |
 * | segment | number of the WAL segment of the next record for this sink                            |
 * | offset  | where in the segment that record begins, in bytes                                     |
 * | check   | CRC-32C of `sink:segment:offset` in UTF-8, eight hexadecimal digits             |
 *
 * Write: temporary file, fsync, rename, fsync of the directory; so there is the old cursor or the new one.
 * Read: a file that is missing, or of which anything does not hold, is no cursor: the sink begins at the oldest record,
 *   since a wrong position would skip records, while delivering some twice is allowed.
 * Deletion: never; whoever removes it has everything that is still in the WAL delivered again.
 */

import { join } from "node:path";
import { z } from "zod";
import { crc32c } from "../../core/hash/crc32c.ts";
import { makeDurableDir } from "../../core/runtime/durable_dir.ts";
import { FileMissingError, type FileSystem } from "../../core/runtime/env.ts";
import type { WalPosition } from "../wal/wal.ts";

const format = "bcs-metric cursor";

const cursorSchema = z.strictObject({
  format: z.literal(format),
  version: z.literal(1),
  sink: z.string(),
  segment: z.int().min(0),
  offset: z.int().min(0),
  check: z.string(),
});

export class CursorFile {
  readonly #directory: string;
  readonly #sink: string;
  readonly #fs: FileSystem;

  constructor(directory: string, sink: string, fs: FileSystem) {
    this.#directory = directory;
    this.#sink = sink;
    this.#fs = fs;
  }

  get path(): string {
    return join(this.#directory, `${this.#sink}.json`);
  }

  /** The saved position; null when there is none; `damaged` when the file is there but does not hold one. */
  async read(): Promise<WalPosition | null | "damaged"> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#fs.readFile(this.path);
    } catch (error) {
      if (error instanceof FileMissingError) return null;
      throw error;
    }
    const found = cursorSchema.safeParse(parseJson(bytes)).data;
    if (found === undefined || found.sink !== this.#sink || found.check !== check(found.sink, found)) return "damaged";
    return { segment: found.segment, offset: found.offset };
  }

  /** Rejects when the file system fails; the previous cursor is in force then. */
  async write(position: WalPosition): Promise<void> {
    const { segment, offset } = position;
    const content = { format, version: 1, sink: this.#sink, segment, offset, check: check(this.#sink, position) };
    const temporary = `${this.path}.tmp`;
    await makeDurableDir(this.#fs, this.#directory);
    const handle = await this.#fs.open(temporary, "create");
    try {
      await handle.truncate(0);
      await handle.write(new TextEncoder().encode(`${JSON.stringify(content)}\n`), 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await this.#fs.rename(temporary, this.path);
    await this.#fs.syncDir(this.#directory);
  }
}

function check(sink: string, position: WalPosition): string {
  const covered = new TextEncoder().encode(`${sink}:${position.segment}:${position.offset}`);
  return crc32c(covered).toString(16).padStart(8, "0");
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
