import type { FileSystem } from "../../core/runtime/env.ts";

/**
 * A file that only takes room: `<log>/reserve`. While the disk has room the log holds it; once the log finds the disk
 * full it gives it up, so that what is small and must be written anyway (cursors, declared losses) still can be. The
 * log itself writes nothing before it holds the file again, or it would eat up what it gave.
 */
export class ReserveFile {
  readonly #path: string;
  readonly #fs: FileSystem;
  readonly #bytes: number;

  constructor(dir: string, fs: FileSystem, bytes: number) {
    this.#path = `${dir}/reserve`;
    this.#fs = fs;
    this.#bytes = bytes;
  }

  /** Makes the file as large as it should be. Rejects when there is no room for it; give it up then. */
  async hold(): Promise<void> {
    const file = await this.#fs.open(this.#path, "create");
    try {
      const held = await file.size();
      if (held === this.#bytes) return;
      await file.truncate(Math.min(held, this.#bytes));
      if (held < this.#bytes) await file.write(filler(this.#bytes - held), held);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async giveUp(): Promise<void> {
    const file = await this.#fs.open(this.#path, "create");
    try {
      await file.truncate(0);
    } finally {
      await file.close();
    }
  }
}

/** Bytes that no file system can store in less room. */
function filler(bytes: number): Uint8Array {
  const filled = new Uint8Array(bytes);
  let state = 1;
  for (let index = 0; index < bytes; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    filled[index] = state >>> 24;
  }
  return filled;
}
