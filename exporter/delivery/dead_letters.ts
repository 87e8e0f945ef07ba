/**
 * What a sink's destination refused for good: `<data>/dead-letter/<sink>.jsonl`, in the lines of sinks/json_lines.ts
 * with two members more:
 *
 *   {"name":"up","labels":{…},"value":1,"timestampMs":…,"rejectedMs":…,"reason":"HTTP 400: …"}
 *
 * Write: appended and fsynced before the sink's cursor moves on. An incomplete last line is cut before.
 * Deletion: by whoever has dealt with it; nothing is removed here. A full file takes nothing more: the lines that it
 *   has no room for are counted.
 */

import { dirname, join } from "node:path";
import { makeDurableDir } from "../../core/runtime/durable_dir.ts";
import type { Clock, FileHandle, FileSystem } from "../../core/runtime/env.ts";
import type { Batch } from "../sink.ts";
import { JsonLines } from "../sinks/json_lines.ts";
import { cutIncompleteLine } from "../sinks/line_file.ts";

export const deadLetterBytesMaxDefault = 64 * 1024 * 1024;
/** Rejections are rare: no need to remember much. */
const cacheBytesMax = 1024 * 1024;

export interface DeadLettersOptions {
  readonly directory: string;
  readonly sink: string;
  /** Default 64 MiB. */
  readonly bytesMax?: number;
  readonly clock: Clock;
  readonly fs: FileSystem;
}

export class DeadLetters {
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #clock: Clock;
  readonly #fs: FileSystem;
  readonly #lines = new JsonLines(cacheBytesMax);

  constructor(options: DeadLettersOptions) {
    this.#path = join(options.directory, `${options.sink}.jsonl`);
    this.#bytesMax = options.bytesMax ?? deadLetterBytesMaxDefault;
    this.#clock = options.clock;
    this.#fs = options.fs;
  }

  get path(): string {
    return this.#path;
  }

  /**
   * Appends a line for each sample and opaque record of a batch. Returns how many lines the file had no room for.
   * Rejects when the file system fails; how many lines are kept is not known then.
   */
  async write(batch: Batch, reason: string): Promise<number> {
    await makeDurableDir(this.#fs, dirname(this.#path));
    const handle = await this.#fs.open(this.#path, "create");
    try {
      return await this.#append(handle, batch, reason);
    } finally {
      await handle.close();
    }
  }

  async #append(handle: FileHandle, batch: Batch, reason: string): Promise<number> {
    const members = `,"rejectedMs":${this.#clock.wallMs()},"reason":${JSON.stringify(reason)}`;
    let end = await cutIncompleteLine(handle);
    let dropped = 0;
    for (const { text, count } of this.#lines.of(batch, members)) {
      const bytes = new TextEncoder().encode(text);
      if (end + bytes.length > this.#bytesMax) {
        dropped += count;
        continue;
      }
      await handle.write(bytes, end);
      end += bytes.length;
    }
    await handle.sync();
    await this.#fs.syncDir(dirname(this.#path));
    return dropped;
  }
}
