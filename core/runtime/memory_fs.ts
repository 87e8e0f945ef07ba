import { posix } from "node:path";
import { type FileHandle, FileMissingError, type FileSystem } from "./env.ts";
import { type Chance, type CrashMode, MemoryDirectory, MemoryFile, type MemoryNode } from "./memory_nodes.ts";

export type { CrashMode } from "./memory_nodes.ts";

export interface FileOperation {
  readonly name:
    | "readFile"
    | "readDir"
    | "stat"
    | "realPath"
    | "open"
    | "makeDir"
    | "rename"
    | "remove"
    | "syncDir"
    | "read"
    | "write"
    | "truncate"
    | "sync"
    | "size"
    | "close";
  readonly path: string;
}

export interface MemoryFileSystemOptions {
  /** Room for the content of all files together; a write fills it up and then fails with ENOSPC. Default: no limit. */
  readonly capacityBytes?: number;
  /** Unix milliseconds that a changed file gets. Default: 0. */
  readonly wallMs?: () => number;
}

/** A failure with the `code` that the operating system would give. */
export class FileSystemError extends Error {
  override name = "FileSystemError";
  readonly code: string;

  constructor(code: string, path: string) {
    super(`${code}: "${path}"`);
    this.code = code;
  }
}

/**
 * A file system in memory, for tests and simulations. It knows what was fsynced and what was not, so that
 * {@link MemoryFileSystem.crash} can tell what a disk would hold after a power cut.
 *
 * ```ts
 * const disk = new MemoryFileSystem();
 * disk.before = (operation) => {
 *   if (operation.name === "sync") throw new FileSystemError("EIO", operation.path);
 * };
 * const afterwards = disk.crash("drop");
 * ```
 */
export class MemoryFileSystem implements FileSystem {
  capacityBytes: number;
  /**
   * Called before each operation, which waits for it. What it throws is how the operation fails, and nothing happens
   * then.
   */
  before: ((operation: FileOperation) => void | Promise<void>) | null = null;
  readonly #wallMs: () => number;
  #root = new MemoryDirectory();

  constructor(options: MemoryFileSystemOptions = {}) {
    this.capacityBytes = options.capacityBytes ?? Infinity;
    this.#wallMs = options.wallMs ?? (() => 0);
  }

  /**
   * The disk as it would be found if the power failed now. This one is left as it is, so that one run can be cut at
   * every point.
   * `chance` gives a number in [0, 1) for each decision of mode `torn`; by default every second one goes each way.
   */
  crash(mode: CrashMode, chance: Chance = alternating()): MemoryFileSystem {
    const survivor = new MemoryFileSystem({ capacityBytes: this.capacityBytes, wallMs: this.#wallMs });
    survivor.#root = this.#root.afterCrash(mode, chance);
    return survivor;
  }

  /** Content bytes of all files together. */
  usedBytes(): number {
    return usedBytes(this.#root);
  }

  async readFile(path: string): Promise<Uint8Array> {
    await this.#begin("readFile", path);
    return this.#file(path).content.view().slice();
  }

  async readDir(path: string): ReturnType<FileSystem["readDir"]> {
    await this.#begin("readDir", path);
    return this.#directory(path).list();
  }

  async stat(path: string): ReturnType<FileSystem["stat"]> {
    await this.#begin("stat", path);
    const node = this.#find(path);
    if (node === undefined) return null;
    return node instanceof MemoryFile
      ? { bytes: node.content.length, modifiedMs: node.modifiedMs }
      : { bytes: 0, modifiedMs: 0 };
  }

  /** There are no links. */
  async realPath(path: string): Promise<string> {
    await this.#begin("realPath", path);
    if (this.#find(path) === undefined) throw missing(path);
    return `/${segmentsOf(path).join("/")}`;
  }

  async open(path: string, mode: "read" | "create" | "exclusive"): Promise<FileHandle> {
    await this.#begin("open", path);
    if (mode === "read") return this.#handle(path, this.#file(path), false);
    const { directory, name } = this.#parent(path);
    const found = directory.get(name);
    if (found instanceof MemoryDirectory) throw new FileSystemError("EISDIR", path);
    if (found !== undefined && mode === "exclusive") throw new FileSystemError("EEXIST", path);
    const file = found ?? new MemoryFile(this.#wallMs());
    if (found === undefined) directory.change([name, file]);
    return this.#handle(path, file, true);
  }

  async makeDir(path: string): Promise<void> {
    await this.#begin("makeDir", path);
    let directory = this.#root;
    for (const name of segmentsOf(path)) {
      const found = directory.get(name);
      if (found instanceof MemoryFile) throw new FileSystemError("ENOTDIR", path);
      const next = found ?? new MemoryDirectory();
      if (found === undefined) directory.change([name, next]);
      directory = next;
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#begin("rename", from);
    const node = this.#find(from);
    if (node === undefined) throw missing(from);
    const source = this.#parent(from);
    const target = this.#parent(to);
    if (source.directory === target.directory) {
      source.directory.change([source.name, null], [target.name, node]);
    } else {
      target.directory.change([target.name, node]);
      source.directory.change([source.name, null]);
    }
  }

  async remove(path: string): Promise<void> {
    await this.#begin("remove", path);
    const node = this.#find(path);
    if (node === undefined) return;
    if (node instanceof MemoryDirectory) throw new FileSystemError("EISDIR", path);
    const { directory, name } = this.#parent(path);
    directory.change([name, null]);
  }

  async syncDir(path: string): Promise<void> {
    await this.#begin("syncDir", path);
    this.#directory(path).sync();
  }

  #handle(path: string, file: MemoryFile, writable: boolean): FileHandle {
    let open = true;
    const begin = async (name: FileOperation["name"], needsWriting = false) => {
      await this.#begin(name, path);
      if (!open || (needsWriting && !writable)) throw new FileSystemError("EBADF", path);
    };
    return {
      read: async (into, position) => {
        await begin("read");
        const bytes = file.content.view().subarray(position, position + into.length);
        into.set(bytes);
        return bytes.length;
      },
      write: async (bytes, position) => {
        await begin("write", true);
        this.#write(path, file, bytes, position);
      },
      truncate: async (bytes) => {
        await begin("truncate", true);
        file.truncate(bytes);
        file.modifiedMs = this.#wallMs();
      },
      sync: async () => {
        await begin("sync");
        file.sync();
      },
      size: async () => {
        await begin("size");
        return file.content.length;
      },
      close: async () => {
        await begin("close");
        open = false;
      },
    };
  }

  /** On a full disk what fits is written before the failure, as a real disk does. */
  #write(path: string, file: MemoryFile, bytes: Uint8Array, position: number): void {
    const free = Number.isFinite(this.capacityBytes) ? this.capacityBytes - this.usedBytes() : Infinity;
    const room = Math.max(0, file.content.length - position + Math.max(0, free));
    file.write(bytes.subarray(0, room), position);
    file.modifiedMs = this.#wallMs();
    if (room < bytes.length) throw new FileSystemError("ENOSPC", path);
  }

  /** Every operation takes at least one turn of the microtask queue, as real ones do. */
  async #begin(name: FileOperation["name"], path: string): Promise<void> {
    await this.before?.({ name, path });
  }

  #find(path: string): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.#root;
    for (const name of segmentsOf(path)) {
      if (!(node instanceof MemoryDirectory)) return undefined;
      node = node.get(name);
    }
    return node;
  }

  #file(path: string): MemoryFile {
    const node = this.#find(path);
    if (node === undefined) throw missing(path);
    if (node instanceof MemoryDirectory) throw new FileSystemError("EISDIR", path);
    return node;
  }

  #directory(path: string): MemoryDirectory {
    const node = this.#find(path);
    if (node === undefined) throw missing(path);
    if (node instanceof MemoryFile) throw new FileSystemError("ENOTDIR", path);
    return node;
  }

  #parent(path: string): { readonly directory: MemoryDirectory; readonly name: string } {
    return { directory: this.#directory(posix.dirname(path)), name: posix.basename(path) };
  }
}

function segmentsOf(path: string): string[] {
  return posix.normalize(path).split("/").filter((name) => name !== "" && name !== ".");
}

function missing(path: string): FileMissingError {
  return new FileMissingError(`Cannot find "${path}"`);
}

function usedBytes(directory: MemoryDirectory): number {
  let sum = 0;
  for (const { name } of directory.list()) {
    const node = directory.get(name);
    sum += node instanceof MemoryFile ? node.content.length : node === undefined ? 0 : usedBytes(node);
  }
  return sum;
}

function alternating(): Chance {
  let turn = 0;
  return () => turn++ % 2 === 0 ? 0 : 0.75;
}
