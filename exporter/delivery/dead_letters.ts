/**
 * What a sink's destination refused for good: `<data>/dead-letter/<sink>.jsonl`, a line for each entry in the form of
 * dead_letter.ts.
 *
 * Write: appended and fsynced before the sink's cursor moves on. An incomplete last line is cut before. After a crash
 *   the same entry may be refused, and stand there, again.
 * Bound: a full file takes nothing more: what it has no room for is counted.
 * Sending again: the file becomes `<sink>.resend.jsonl`, whose letters are delivered one after the other; what is left
 *   of them goes back. After a crash in between, that file is sent first, from its beginning.
 * Deletion: else by whoever has dealt with it.
 */

import { dirname, join } from "node:path";
import { parseJson } from "../../core/json.ts";
import { makeDurableDir } from "../../core/runtime/durable_dir.ts";
import { type Clock, type FileHandle, FileMissingError, type FileSystem } from "../../core/runtime/env.ts";
import { addTally, newTally, type Tally } from "../ledger/books.ts";
import type { Batch } from "../sink.ts";
import { cutIncompleteLine } from "../sinks/line_file.ts";
import { type DeadLetter, deadLetterSchema, lettersOf } from "./dead_letter.ts";

export const deadLetterBytesMaxDefault = 64 * 1024 * 1024;

export interface DeadLettersOptions {
  readonly directory: string;
  readonly sink: string;
  /** Default 64 MiB. */
  readonly bytesMax?: number;
  readonly clock: Pick<Clock, "wallMs">;
  readonly fs: FileSystem;
}

export class DeadLetters {
  readonly #path: string;
  readonly #resendPath: string;
  readonly #bytesMax: number;
  readonly #clock: Pick<Clock, "wallMs">;
  readonly #fs: FileSystem;
  /** One thing at a time happens to the files. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: DeadLettersOptions) {
    this.#path = join(options.directory, `${options.sink}.jsonl`);
    this.#resendPath = join(options.directory, `${options.sink}.resend.jsonl`);
    this.#bytesMax = options.bytesMax ?? deadLetterBytesMaxDefault;
    this.#clock = options.clock;
    this.#fs = options.fs;
  }

  get path(): string {
    return this.#path;
  }

  /**
   * Appends a line for each entry of a batch. Returns what the file had no room for.
   * Rejects when the file system fails; how many lines are kept is not known then.
   */
  async write(batch: Batch, reason: string): Promise<Tally> {
    return await this.append(lettersOf(batch, reason, this.#clock.wallMs()));
  }

  /** The same for letters that are there already. */
  append(letters: Iterable<DeadLetter>): Promise<Tally> {
    return this.#alone(async () => {
      await makeDurableDir(this.#fs, dirname(this.#path));
      const handle = await this.#fs.open(this.#path, "create");
      try {
        return await this.#append(handle, letters);
      } finally {
        await handle.close();
      }
    });
  }

  /** The letters that are kept, oldest first, those of a resend that a crash ended among them. */
  list(): Promise<DeadLetter[]> {
    return this.#alone(async () => [...await this.#read(this.#resendPath), ...await this.#read(this.#path)]);
  }

  /** Puts the letters aside to be sent again, durably, and returns them. {@link finishResend} must follow. */
  takeAll(): Promise<DeadLetter[]> {
    return this.#alone(async () => {
      const interrupted = await this.#read(this.#resendPath);
      if (interrupted.length > 0) return interrupted;
      const letters = await this.#read(this.#path);
      if (letters.length === 0) return letters;
      await this.#fs.rename(this.#path, this.#resendPath);
      await this.#fs.syncDir(dirname(this.#path));
      return letters;
    });
  }

  /** Puts back what could not be sent and forgets the rest. Returns what there was no room for. */
  async finishResend(left: readonly DeadLetter[]): Promise<Tally> {
    const dropped = left.length === 0 ? newTally() : await this.append(left);
    await this.#alone(async () => {
      await this.#fs.remove(this.#resendPath);
      await this.#fs.syncDir(dirname(this.#path));
    });
    return dropped;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    // Whoever asked for it hears of the failure; the next one only has to wait for the end.
    this.#last = mine.catch(() => null);
    return mine;
  }

  async #append(handle: FileHandle, letters: Iterable<DeadLetter>): Promise<Tally> {
    let end = await cutIncompleteLine(handle);
    const dropped = newTally();
    for (const letter of letters) {
      const bytes = new TextEncoder().encode(`${JSON.stringify(letter)}\n`);
      if (end + bytes.length > this.#bytesMax) {
        addTally(dropped, letterTally(letter));
        continue;
      }
      await handle.write(bytes, end);
      end += bytes.length;
    }
    await handle.sync();
    await this.#fs.syncDir(dirname(this.#path));
    return dropped;
  }

  /** Lines that are no letters are left out; none of ours is. */
  async #read(path: string): Promise<DeadLetter[]> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#fs.readFile(path);
    } catch (error) {
      if (error instanceof FileMissingError) return [];
      throw error;
    }
    const lines = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
    return lines.flatMap((line) => deadLetterSchema.safeParse(parseJson(line)).data ?? []);
  }
}

/** Entries and samples of a letter. */
export function letterTally(letter: DeadLetter): Tally {
  const samples = "families" in letter ? letter.families.reduce((sum, { samples: { length } }) => sum + length, 0) : 0;
  return newTally(1, samples);
}
