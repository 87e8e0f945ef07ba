/**
 * Append-only files of lines, `metrics-00000001.jsonl`, `metrics-00000002.jsonl`, …, so that names sort by time.
 *
 * Write: a batch of lines is written behind the committed end of the newest file and fsynced; only then does the end
 *   move. A batch that fails half-way is written over by the next one.
 * Rotation: a file that has reached its limit gets no further batch; the next one begins a new file, and the oldest
 *   beyond the wanted count are removed. A file exceeds the limit by one batch at most.
 * Recovery: on opening, the newest file is continued after cutting an incomplete last line. After a failed write or
 *   fsync the descriptor is not used again: the file is opened anew and cut back to its committed end.
 */

import { join } from "node:path";
import { makeDurableDir } from "../../core/runtime/durable_dir.ts";
import type { FileHandle, FileSystem } from "../../core/runtime/env.ts";
import { cutIncompleteLine } from "./line_file.ts";

export interface RotatingFileOptions {
  readonly directory: string;
  /** Bytes from which on a file gets no further batch. */
  readonly rotateBytes: number;
  /** Files to keep, the one being written included. */
  readonly filesMax: number;
  readonly fs: FileSystem;
}

interface OpenFile {
  readonly number: number;
  readonly handle: FileHandle;
  /** The committed end. */
  bytes: number;
}

const fileName = /^metrics-(\d{8,15})\.jsonl$/;

export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #file: OpenFile | null = null;
  /** Where a file that failed is to be cut. */
  #committed: { readonly number: number; readonly bytes: number } | null = null;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  /**
   * Writes all pieces and fsyncs them. It is all or nothing: when it rejects, be it for the file system or because the
   * signal was aborted, nothing of the batch stays.
   */
  async append(pieces: Iterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const file = await this.#current();
    let end = file.bytes;
    try {
      for (const piece of pieces) {
        signal.throwIfAborted();
        await file.handle.write(piece, end);
        end += piece.length;
      }
      await file.handle.sync();
    } catch (error) {
      this.#committed = { number: file.number, bytes: file.bytes };
      await this.close();
      throw error;
    }
    file.bytes = end;
  }

  /** The next `append` opens the newest file again. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.handle.close();
  }

  async #current(): Promise<OpenFile> {
    if (this.#file !== null && await this.#changedByOthers(this.#file)) await this.close();
    this.#file ??= await this.#openNewest();
    if (this.#file.bytes < this.#options.rotateBytes) return this.#file;
    const next = this.#file.number + 1;
    await this.close();
    this.#file = await this.#create(next);
    await this.#removeOldest();
    return this.#file;
  }

  /** Someone removed or shortened the file: going on with our descriptor would write where nobody reads. */
  async #changedByOthers(file: OpenFile): Promise<boolean> {
    const found = await this.#options.fs.stat(this.#path(file.number));
    return found?.bytes !== file.bytes;
  }

  async #openNewest(): Promise<OpenFile> {
    const { directory, fs } = this.#options;
    await makeDurableDir(fs, directory);
    const number = (await this.#numbers()).at(-1);
    if (number === undefined) return await this.#create(1);
    const handle = await fs.open(this.#path(number), "create");
    try {
      return { number, handle, bytes: await this.#recover(number, handle) };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #recover(number: number, handle: FileHandle): Promise<number> {
    const committed = this.#committed;
    if (committed?.number === number && await handle.size() > committed.bytes) await handle.truncate(committed.bytes);
    const bytes = await cutIncompleteLine(handle);
    // What is appended from now on must not be cut by an older mark.
    this.#committed = null;
    return bytes;
  }

  async #create(number: number): Promise<OpenFile> {
    const { directory, fs } = this.#options;
    const handle = await fs.open(this.#path(number), "create");
    try {
      await fs.syncDir(directory);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return { number, handle, bytes: 0 };
  }

  async #removeOldest(): Promise<void> {
    const numbers = await this.#numbers();
    for (const number of numbers.slice(0, -this.#options.filesMax)) await this.#options.fs.remove(this.#path(number));
  }

  /** The numbers of the files that are there, ascending. */
  async #numbers(): Promise<number[]> {
    const entries = await this.#options.fs.readDir(this.#options.directory);
    const numbers = entries.flatMap(({ name }) => fileName.exec(name)?.[1] ?? []).map(Number);
    return numbers.toSorted((a, b) => a - b);
  }

  #path(number: number): string {
    return join(this.#options.directory, `metrics-${String(number).padStart(8, "0")}.jsonl`);
  }
}
