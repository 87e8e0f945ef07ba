import { join } from "node:path/posix";
import { type FileHandle, FileMissingError, type FileSystem } from "../../../core/runtime/env.ts";
import { decodeMarks, encodeMarks, type Marks, marksSlotBytes } from "./format.ts";

/** The marks of one epoch. Its room is taken when it is made, so that it can be written on a full disk too. */
export class MarksFile {
  readonly #fs: FileSystem;
  readonly #folder: string;
  readonly #name: string;
  #handle: FileHandle | null = null;

  constructor(fs: FileSystem, folder: string, epoch: bigint) {
    this.#fs = fs;
    this.#folder = folder;
    this.#name = `${epoch}.marks`;
  }

  /** The newest marks on disk, or null when there are none. */
  async load(): Promise<Marks | null> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#fs.readFile(this.#path);
    } catch (error) {
      if (error instanceof FileMissingError) return null;
      throw error;
    }
    let newest: Marks | null = null;
    for (const slot of [bytes.subarray(0, marksSlotBytes), bytes.subarray(marksSlotBytes)]) {
      const marks = decodeMarks(slot);
      if (marks !== null && marks.generation > (newest?.generation ?? -1)) newest = marks;
    }
    return newest;
  }

  /** Makes the marks durable, in the slot that does not hold those before them. */
  async save(marks: Marks): Promise<void> {
    if (this.#handle === null) {
      const handle = await this.#fs.open(this.#path, "create");
      try {
        if (await handle.size() < 2 * marksSlotBytes) {
          await handle.write(new Uint8Array(2 * marksSlotBytes), 0);
          await handle.sync();
        }
        await this.#fs.syncDir(this.#folder);
      } catch (error) {
        await handle.close();
        throw error;
      }
      this.#handle = handle;
    }
    try {
      await this.#handle.write(encodeMarks(marks), marks.generation % 2 * marksSlotBytes);
      await this.#handle.sync();
    } catch (error) {
      // After a failed fsync nobody knows what the descriptor's pages hold: the next attempt opens the file anew.
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await this.#fs.remove(this.#path);
  }

  get #path(): string {
    return join(this.#folder, this.#name);
  }
}
