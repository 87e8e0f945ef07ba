import { dirname, join } from "node:path/posix";
import { messageOf } from "../errors.ts";
import { writeAtomically } from "../runtime/atomic_write.ts";
import { type Env, FileMissingError } from "../runtime/env.ts";
import type { Logger } from "../telemetry/log.ts";
import { type EntryFile, revisionOf } from "./entry_file.ts";
import { type WatchFolder, watchFolder } from "./folder_watcher.ts";
import { inGroups } from "./in_groups.ts";
import { PathQueue } from "./path_queue.ts";
import { entryBytesMax, requireEntryPath } from "./paths.ts";
import {
  type Entry,
  EntryTooLargeError,
  RevisionConflictError,
  type Store,
  type StoreEvent,
  StoreUnavailableError,
  UnreadableEntryError,
  type Watch,
} from "./store.ts";
import { readVolumeFile, requireInside } from "./volume_bounds.ts";
import { VolumeRoot } from "./volume_root.ts";
import { scanVolume } from "./volume_scan.ts";
import { VolumeWatch } from "./volume_watch.ts";

export interface VolumeOptions {
  /** The volume's folder, which has to exist. */
  readonly root: string;
  readonly env: Pick<Env, "clock" | "fs" | "random">;
  readonly log: Logger;
  /** How often everything is compared anew, in case that a notification was missed; 10 s by default. */
  readonly rescanMs?: number;
  /** How changes are noticed; chokidar by default. A simulation brings its own. */
  readonly watchFolder?: WatchFolder;
}

/**
 * Opens a folder as a {@link Store}: an entry's path is its file's path in the folder, its revision a hash of its
 * content. Files that are neither `.yaml` nor in `.bcs-metric/`, and hidden ones, are no entries. Links are followed,
 * but not out of the folder.
 *
 * Conditional writes are exact within this store object. Between processes on a shared volume they are best effort:
 * two that compare at the same instant can both succeed, and the later one's content remains.
 *
 * @throws UserError that says what to do when the folder is missing or cannot be written.
 */
export async function openVolume(options: VolumeOptions): Promise<Store> {
  const root = new VolumeRoot(options.root, options.env);
  await root.prepare();
  return new VolumeStore(root, options);
}

class VolumeStore implements Store {
  readonly #root: VolumeRoot;
  readonly #env: Pick<Env, "clock" | "fs" | "random">;
  readonly #log: Logger;
  readonly #rescanMs: number;
  readonly #watchFolder: WatchFolder;
  readonly #writes = new PathQueue();
  readonly #watches = new Set<VolumeWatch>();

  constructor(root: VolumeRoot, options: VolumeOptions) {
    this.#root = root;
    this.#env = options.env;
    this.#log = options.log;
    this.#rescanMs = options.rescanMs ?? 10_000;
    this.#watchFolder = options.watchFolder ?? watchFolder;
  }

  async get(path: string): Promise<Entry | null> {
    requireEntryPath(path);
    const file = await this.#read(path);
    if (file.found === "text") {
      const entry = { path, text: file.text, revision: file.revision };
      for (const watch of this.#watches) watch.saw(path, entry);
      return entry;
    }
    if (file.found === "unreadable") throw new UnreadableEntryError(`Cannot read entry "${path}": ${file.reason}`);
    // Only a volume that is there can say that something is not in it.
    await this.#root.require();
    return null;
  }

  async list(prefix: string): Promise<Entry[]> {
    await this.#root.require();
    const { paths, unreadable } = await scanVolume(this.#root.bounds, prefix);
    const entries: Entry[] = [];
    await inGroups(paths, (path) => this.#read(path), (file, path) => {
      if (file.found === "text") entries.push({ path, text: file.text, revision: file.revision });
      if (file.found === "unreadable") this.#log.warn({ path, reason: file.reason }, "cannot read an entry");
    });
    for (const folder of unreadable) this.#log.warn(folder, "cannot read a folder");
    return entries;
  }

  put(path: string, text: string, expected?: string | null): Promise<string> {
    return this.#writes.run(path, async () => {
      requireEntryPath(path);
      const bytes = new TextEncoder().encode(text);
      if (bytes.length > entryBytesMax(path)) {
        const why = `its ${bytes.length} bytes exceed the limit of ${entryBytesMax(path)}`;
        throw new EntryTooLargeError(`Cannot write entry "${path}": ${why}`);
      }
      await this.#root.require();
      await requireInside(this.#root.bounds, path);
      const present = await this.#read(path);
      if (expected !== undefined) requireRevision("write", path, present, expected);
      const revision = revisionOf(bytes);
      if (present.found === "text" && present.revision === revision) {
        for (const watch of this.#watches) watch.saw(path, { text, revision });
        return revision;
      }
      await this.#changing("write", path, () => writeAtomically(this.#env, this.#root.path, path, bytes));
      for (const watch of this.#watches) watch.changed(path, { text, revision });
      return revision;
    });
  }

  delete(path: string, expected?: string): Promise<void> {
    return this.#writes.run(path, async () => {
      requireEntryPath(path);
      await this.#root.require();
      await requireInside(this.#root.bounds, path);
      const present = await this.#read(path);
      if (expected !== undefined) requireRevision("delete", path, present, expected);
      if (present.found === "nothing") return;
      await this.#changing("delete", path, async () => {
        const file = join(this.#root.path, path);
        await this.#env.fs.remove(file);
        await this.#env.fs.syncDir(dirname(file));
      });
      for (const watch of this.#watches) watch.changed(path, null);
    });
  }

  async watch(prefix: string, onEvent: (event: StoreEvent) => void): Promise<Watch> {
    const deps = {
      env: this.#env,
      root: this.#root,
      log: this.#log,
      rescanMs: this.#rescanMs,
      watchFolder: this.#watchFolder,
    };
    const watch = new VolumeWatch(deps, prefix, onEvent);
    this.#watches.add(watch);
    await watch.start();
    return {
      close: async () => {
        this.#watches.delete(watch);
        await watch.close();
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#watches].map((watch) => watch.close()));
    this.#watches.clear();
    await this.#writes.idle();
  }

  #read(path: string): Promise<EntryFile> {
    return readVolumeFile(this.#env.clock, this.#root.bounds, path);
  }

  async #changing(what: string, path: string, change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch (error) {
      if (error instanceof FileMissingError) await this.#root.require();
      throw new StoreUnavailableError(`Cannot ${what} entry "${path}": ${messageOf(error)}`, { cause: error });
    } finally {
      for (const watch of this.#watches) watch.touch(path);
    }
  }
}

function requireRevision(what: string, path: string, present: EntryFile, expected: string | null): void {
  const revision = present.found === "text" ? present.revision : null;
  const exists = present.found !== "nothing";
  if (expected === null ? !exists : revision === expected) return;
  const why = !exists ? "it is gone" : expected === null ? "it exists already" : "somebody changed it meanwhile";
  throw new RevisionConflictError(`Cannot ${what} entry "${path}": ${why}`);
}
