import { execFile } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const blockBytes = 64 * 1024;
const refillMs = 50;

/** A file system of its own that can be filled up, and emptied again. */
export class SmallDisk {
  readonly folder: string;
  /** Resolves when filling has ended; null once it is to end. */
  #filling: Promise<void> | null = null;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Mounts one on a folder, which is made; null where mounting is not permitted, which under CI it has to be. */
  static async mount(folder: string, mebibytes: number): Promise<SmallDisk | null> {
    await mkdir(folder, { recursive: true });
    try {
      await run("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", folder]);
    } catch (error) {
      if (process.env["CI"] === "true") throw error;
      return null;
    }
    return new SmallDisk(folder);
  }

  /** Takes all room that there is, and goes on taking what becomes free, until {@link free}. */
  async fill(): Promise<void> {
    await this.#takeAll();
    this.#filling = this.#keepFull();
  }

  async free(): Promise<void> {
    const filling = this.#filling;
    this.#filling = null;
    await filling;
    await rm(this.#filler, { force: true });
  }

  async unmount(): Promise<void> {
    await this.free();
    await run("umount", [this.folder]);
  }

  async #keepFull(): Promise<void> {
    do {
      await new Promise((resolve) => setTimeout(resolve, refillMs));
      await this.#takeAll();
    } while (this.#filling !== null);
  }

  async #takeAll(): Promise<void> {
    const file = await open(this.#filler, "a");
    try {
      for (let bytes = blockBytes; bytes > 0;) {
        try {
          await file.write(new Uint8Array(bytes));
        } catch (error) {
          if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
          bytes = bytes > 1 ? Math.floor(bytes / 2) : 0;
        }
      }
    } finally {
      await file.close();
    }
  }

  get #filler(): string {
    return join(this.folder, "filler");
  }
}
