import { join } from "node:path/posix";
import { messageOf } from "../../core/errors.ts";
import type { Clock, FileSystem } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { readTemplates, TemplateError, type TemplateFile, type Templates } from "./templates.ts";

/** How often the files are looked at. */
const pollMs = 2000;
/** More files than this are an accident, such as a folder that was not meant. */
const filesMax = 1000;

export interface TemplateFilesDeps {
  readonly fs: Pick<FileSystem, "readFile" | "readDir" | "stat">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The templates of a file, or of the `*.yaml` files of a folder, read anew when they change. While they are wrong or
 * gone the last good ones stay in force, and the log says why, once. Wrong ones from the start are no reason not to
 * serve: there are none in force then, and workloads are left as they are.
 */
export class TemplateFiles {
  readonly #path: string;
  readonly #deps: TemplateFilesDeps;
  readonly #listeners = new Set<() => void>();
  #inForce: Templates | null = null;
  #problem = "";
  #seen = "";
  #closed = false;
  #cancel = () => {};

  private constructor(path: string, deps: TemplateFilesDeps) {
    this.#path = path;
    this.#deps = deps;
  }

  static async open(path: string, deps: TemplateFilesDeps): Promise<TemplateFiles> {
    const files = new TemplateFiles(path, deps);
    await files.#poll();
    return files;
  }

  /** The last good ones; null when there have been none since the start. */
  get inForce(): Templates | null {
    return this.#inForce;
  }

  /** Why the files as they are now are not in force; "" when they are. */
  get problem(): string {
    return this.#problem;
  }

  /** Calls back after each change of the templates in force, or of the problem. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Reads the files now. */
  async reload(): Promise<void> {
    const before = `${this.#seen} ${this.#problem}`;
    try {
      const files = await this.#read();
      const seen = JSON.stringify(files);
      if (seen === this.#seen && this.#problem === "") return;
      this.#inForce = readTemplates(files);
      this.#seen = seen;
      this.#problem = "";
      this.#deps.log.info({ path: this.#path, files: files.length }, "workload templates are in force");
    } catch (error) {
      const reason = messageOf(error);
      if (reason === this.#problem) return;
      this.#problem = reason;
      const kept = this.#inForce === null ? "collector workloads stay as they are" : "the last good ones stay in force";
      this.#deps.log.error({ path: this.#path, reason }, `the workload templates cannot be used; ${kept}`);
    }
    if (`${this.#seen} ${this.#problem}` !== before) { for (const listener of this.#listeners) listener(); }
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  async #poll(): Promise<void> {
    await this.reload();
    if (!this.#closed) this.#cancel = this.#deps.clock.after(pollMs, () => void this.#poll());
  }

  async #read(): Promise<TemplateFile[]> {
    const { fs } = this.#deps;
    if (!await this.#isFolder()) return [await this.#readFile(this.#path)];
    const names = (await fs.readDir(this.#path)).map(({ name }) => name).filter((name) => /^[^.].*\.ya?ml$/.test(name));
    if (names.length > filesMax) {
      throw new TemplateError(`Cannot read templates "${this.#path}": ${names.length} files; at most ${filesMax}`);
    }
    return await Promise.all(names.toSorted().map((name) => this.#readFile(join(this.#path, name))));
  }

  async #isFolder(): Promise<boolean> {
    try {
      await this.#deps.fs.readDir(this.#path);
      return true;
    } catch {
      // Whatever it is, reading it as a file tells what is wrong with it.
      return false;
    }
  }

  async #readFile(path: string): Promise<TemplateFile> {
    try {
      return { path, text: new TextDecoder("utf-8", { fatal: true }).decode(await this.#deps.fs.readFile(path)) };
    } catch (error) {
      throw new TemplateError(`Cannot read templates "${path}": ${messageOf(error)}`, { cause: error });
    }
  }
}
