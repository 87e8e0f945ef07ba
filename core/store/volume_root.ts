import { join } from "node:path/posix";
import { errorCode, messageOf, UserError } from "../errors.ts";
import { writeAtomically } from "../runtime/atomic_write.ts";
import { type DirEntry, FileMissingError, type FileSystem, type Random } from "../runtime/env.ts";
import { isHiddenPath } from "./paths.ts";
import { StoreUnavailableError, systemPrefix } from "./store.ts";
import { type Bounds, requireInside } from "./volume_bounds.ts";

/**
 * The folder that a volume is mounted at. A file in it marks it as ours: when a shared volume is unmounted, an empty
 * folder remains at its place, and that must not be taken for the removal of every document.
 */
export class VolumeRoot {
  readonly path: string;
  /** Nothing is read or written outside. */
  readonly bounds: Bounds;
  readonly #env: { readonly fs: FileSystem; readonly random: Random };

  constructor(path: string, env: { readonly fs: FileSystem; readonly random: Random }) {
    this.path = path;
    this.#env = env;
    this.bounds = { fs: env.fs, root: path, realRoot: "" };
  }

  /**
   * Marks the volume and proves that it can be written.
   * @throws UserError that says what to do when the folder is missing, is none, or cannot be written.
   */
  async prepare(): Promise<void> {
    try {
      await this.#env.fs.readDir(this.path);
      await this.#mark();
    } catch (error) {
      throw new UserError(`Cannot use "${this.path}" as the volume: ${adviceFor(error, this.path)}`, { cause: error });
    }
  }

  /**
   * @throws StoreUnavailableError when the folder is gone, cannot be read, or has lost its mark and holds nothing.
   */
  async require(): Promise<void> {
    let entries: DirEntry[];
    try {
      if (await this.#env.fs.stat(join(this.path, markPath)) !== null) return;
      entries = await this.#env.fs.readDir(this.path);
    } catch (error) {
      const reason = error instanceof FileMissingError ? "the folder is gone" : messageOf(error);
      throw new StoreUnavailableError(`Cannot read the volume "${this.path}": ${reason}`, { cause: error });
    }
    if (entries.every((entry) => isHiddenPath(entry.name) || `${entry.name}/` === systemPrefix)) {
      throw new StoreUnavailableError(`Cannot read the volume "${this.path}": it is empty; is it mounted?`);
    }
    // Somebody removed the system's folder, as cleaning up a Git checkout does, but the documents are there.
    await this.#mark();
  }

  async #mark(): Promise<void> {
    await requireInside(this.bounds, markPath);
    await writeAtomically(
      this.#env,
      this.path,
      markPath,
      new TextEncoder().encode("The mark of a bcs-metric volume.\n"),
    );
  }
}

const markPath = `${systemPrefix}.volume`;

function adviceFor(error: unknown, path: string): string {
  if (error instanceof FileMissingError) return `there is no such folder; create it (mkdir -p ${path}) or mount it`;
  switch (errorCode(error)) {
    case "ENOTDIR":
      return "it is a file; name a folder";
    case "EACCES":
    case "EPERM":
      return "permission denied; give this user the right to read and write it, or choose another folder";
    case "EROFS":
      return "it is read-only; mount it writable, or choose another folder";
    case "ENOSPC":
      return "no space is left on its disk; make room, or choose another folder";
    default:
      return messageOf(error);
  }
}
