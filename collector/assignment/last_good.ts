import { join } from "node:path/posix";
import { writeAtomically } from "../../core/runtime/atomic_write.ts";
import { type Env, FileMissingError } from "../../core/runtime/env.ts";

const fileName = "assignment.yaml";

/** The last good assignment in the data folder, so that a restart without volume or service goes on with it. */
export class LastGood {
  readonly #env: Pick<Env, "fs" | "random">;
  readonly #folder: string;

  constructor(env: Pick<Env, "fs" | "random">, dataFolder: string) {
    this.#env = env;
    this.#folder = dataFolder;
  }

  /** The text that was kept, or null when there is none. */
  async read(): Promise<string | null> {
    try {
      return new TextDecoder().decode(await this.#env.fs.readFile(join(this.#folder, fileName)));
    } catch (error) {
      if (error instanceof FileMissingError) return null;
      throw error;
    }
  }

  /** Keeps the text; null removes what was kept. */
  async keep(text: string | null): Promise<void> {
    if (text !== null) {
      await writeAtomically(this.#env, this.#folder, fileName, new TextEncoder().encode(text));
      return;
    }
    await this.#env.fs.remove(join(this.#folder, fileName));
    await this.#env.fs.syncDir(this.#folder);
  }
}
