import { join } from "node:path/posix";
import { messageOf } from "../errors.ts";
import type { Clock, FileSystem, Random } from "../runtime/env.ts";
import type { Logger } from "../telemetry/log.ts";
import { type EntryFile, type FileStamp, pause } from "./entry_file.ts";
import type { WatchFolder } from "./folder_watcher.ts";
import { inGroups } from "./in_groups.ts";
import { isEntryPath } from "./paths.ts";
import type { StoreEvent, Watch } from "./store.ts";
import { readVolumeFile } from "./volume_bounds.ts";
import type { VolumeRoot } from "./volume_root.ts";
import { scanVolume } from "./volume_scan.ts";

/** Changes are gathered until this long passed without another one, but no longer than the second. */
const quietMs = 20;
const gatherMsMax = 80;

/** A file that is gone is looked for once more after this: some editors remove a file and then write it anew. */
const goneConfirmMs = 40;

/** How soon a volume that could not be read is tried again. */
const retryMs = 1000;

/** A file modified so shortly before it was read may change again without its stamp changing. */
const stampSettlesMs = 2000;

/** A temporary file this old was left behind by a crash. */
const temporaryMsMax = 3_600_000;

export interface VolumeWatchDeps {
  readonly env: { readonly clock: Clock; readonly fs: FileSystem; readonly random: Random };
  readonly root: VolumeRoot;
  readonly log: Logger;
  readonly rescanMs: number;
  readonly watchFolder: WatchFolder;
}

interface Known {
  readonly revision: string;
  /** Null when the next scan has to read the file, whatever its stamp. */
  readonly stamp: FileStamp | null;
}

/**
 * Follows the entries of a volume under a prefix. Notifications of the operating system say only where to look; what
 * is reported is the difference between what was read before and what is read now. A full scan now and then finds
 * what the notifications missed.
 */
export class VolumeWatch implements Watch {
  readonly #deps: VolumeWatchDeps;
  readonly #prefix: string;
  readonly #onEvent: (event: StoreEvent) => void;
  readonly #known = new Map<string, Known>();
  readonly #unreadable = new Map<string, string>();
  readonly #unreadableFolders = new Set<string>();
  readonly #touched = new Set<string>();
  /** Changed by this process since the run under way began. */
  readonly #overtaken = new Set<string>();
  #scanDue = false;
  #synced = false;
  #unavailable = "";
  #gatheringSinceMs: number | null = null;
  #cancelTimer = () => {};
  #cancelRescan = () => {};
  #working: Promise<void> | null = null;
  #closed = false;
  #watcher: { close(): Promise<void> } | null = null;

  constructor(deps: VolumeWatchDeps, prefix: string, onEvent: (event: StoreEvent) => void) {
    this.#deps = deps;
    this.#prefix = prefix;
    this.#onEvent = onEvent;
  }

  /** Reports what is there, then begins to follow it. */
  async start(): Promise<void> {
    const { root, log, watchFolder } = this.#deps;
    const folder = join(root.path, this.#prefix.slice(0, Math.max(0, this.#prefix.lastIndexOf("/"))));
    this.#watcher = watchFolder(root.path, folder, {
      touched: (path) => this.touch(path),
      moved: () => this.#scanSoon(),
      failed: (error) =>
        log.warn({ err: error, rescanMs: this.#deps.rescanMs }, "watching the volume failed; changes show at a rescan"),
    });
    this.#scanDue = true;
    await this.#work();
  }

  /** Says that the entry at `path` may have changed. */
  touch(path: string): void {
    if (!path.startsWith(this.#prefix) || !isEntryPath(path)) return;
    this.#touched.add(path);
    this.#wake();
  }

  /**
   * Reports a change that this process made; a text of null is a removal. It must not wait for a look at the file:
   * somebody may have put back by then what was there before, which would look like no change at all.
   */
  changed(path: string, now: { readonly text: string; readonly revision: string } | null): void {
    if (!path.startsWith(this.#prefix) || !isEntryPath(path)) return;
    // What was read before the change and is not reported yet is out of date; the file is looked at again.
    this.#overtaken.add(path);
    this.touch(path);
    const wasUnreadable = this.#unreadable.delete(path);
    const known = this.#known.get(path);
    if (now === null) {
      this.#known.delete(path);
      if (known !== undefined || wasUnreadable) this.#emit({ type: "delete", path });
      return;
    }
    this.#known.set(path, { revision: now.revision, stamp: null });
    if (known?.revision !== now.revision || wasUnreadable) this.#emit({ type: "put", entry: { path, ...now } });
  }

  /** Reports what a reader of this process has found, which may go by it before the next look. */
  saw(path: string, now: { readonly text: string; readonly revision: string }): void {
    if (this.#known.get(path)?.revision !== now.revision) this.changed(path, now);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    this.#cancelRescan();
    await this.#watcher?.close();
    await this.#working;
  }

  #scanSoon(): void {
    this.#scanDue = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#closed) return;
    const { clock } = this.#deps.env;
    const nowMs = clock.monotonicMs();
    this.#gatheringSinceMs ??= nowMs;
    const delayMs = Math.max(0, Math.min(quietMs, this.#gatheringSinceMs + gatherMsMax - nowMs));
    this.#cancelTimer();
    this.#cancelTimer = clock.after(delayMs, () => void this.#work());
  }

  /** Runs what is due; only one run is under way at a time, and what becomes due meanwhile waits for the next. */
  async #work(): Promise<void> {
    if (this.#working !== null || this.#closed) return;
    this.#gatheringSinceMs = null;
    this.#working = this.#run();
    await this.#working;
    this.#working = null;
    if (this.#scanDue || this.#touched.size > 0) this.#wake();
  }

  async #run(): Promise<void> {
    const scan = this.#scanDue || !this.#synced;
    this.#scanDue = false;
    const touched = [...this.#touched].toSorted();
    this.#touched.clear();
    this.#overtaken.clear();
    try {
      await this.#deps.root.require();
      if (scan) await this.#scan(touched);
      else await this.#look(touched);
    } catch (error) {
      this.#reportUnavailable(messageOf(error));
    }
    this.#planRescan(scan);
  }

  #planRescan(scanned: boolean): void {
    if (this.#closed || (!scanned && this.#synced)) return;
    const delayMs = this.#synced ? this.#deps.rescanMs : Math.min(retryMs, this.#deps.rescanMs);
    this.#cancelRescan();
    this.#cancelRescan = this.#deps.env.clock.after(delayMs, () => this.#scanSoon());
  }

  async #scan(touched: readonly string[]): Promise<void> {
    const { root } = this.#deps;
    const { paths, unreadable, temporary } = await scanVolume(root.bounds, this.#prefix);
    for (const folder of unreadable) this.#warnOnce(folder);
    for (const path of temporary) await this.#removeOld(join(root.path, path));
    const present = new Set(paths);
    const hidden = (path: string) => unreadable.some((folder) => path.startsWith(`${folder.path}/`));
    const gone = [...this.#known.keys(), ...this.#unreadable.keys()].filter((path) => !present.has(path));
    const changed = await this.#withNewStamps(paths, new Set(touched));
    await this.#look([...changed, ...gone.filter((path) => !hidden(path)).toSorted()]);
    if (this.#synced || this.#closed) return;
    this.#synced = true;
    this.#unavailable = "";
    this.#emit({ type: "synced" });
  }

  async #withNewStamps(paths: readonly string[], touched: ReadonlySet<string>): Promise<string[]> {
    const changed: string[] = [];
    const isNew = async (path: string) => {
      const stamp = this.#known.get(path)?.stamp ?? null;
      if (stamp === null || touched.has(path) || this.#unreadable.has(path)) return true;
      const now = await this.#deps.env.fs.stat(join(this.#deps.root.path, path));
      return now?.bytes !== stamp.bytes || now.modifiedMs !== stamp.modifiedMs;
    };
    await inGroups(paths, isNew, (different, path) => {
      if (different) changed.push(path);
    });
    return changed;
  }

  /** Reads the files and reports those that differ. Absence is believed at the second look only. */
  async #look(paths: readonly string[]): Promise<void> {
    const missing: string[] = [];
    await this.#read(paths, (path, file) => {
      if (file.found === "nothing") missing.push(path);
      else this.#report(path, file);
    });
    const doubtful = missing.filter((path) => this.#known.has(path) || this.#unreadable.has(path));
    if (doubtful.length === 0) return;
    await pause(this.#deps.env.clock, goneConfirmMs);
    // Were the volume being unmounted or replaced, this would throw before anything is reported as removed.
    const found = new Map<string, EntryFile>();
    await this.#read(doubtful, (path, file) => found.set(path, file));
    await this.#deps.root.require();
    for (const [path, file] of found) this.#report(path, file);
  }

  async #read(paths: readonly string[], use: (path: string, file: EntryFile) => void): Promise<void> {
    const { env, root } = this.#deps;
    const read = (path: string) => readVolumeFile(env.clock, root.bounds, path);
    await inGroups(paths, read, (file, path) => use(path, file));
  }

  #report(path: string, file: EntryFile): void {
    if (this.#closed || this.#overtaken.has(path)) return;
    if (file.found === "unreadable") {
      if (this.#unreadable.get(path) === file.reason) return;
      this.#unreadable.set(path, file.reason);
      this.#deps.log.warn({ path, reason: file.reason }, "cannot read an entry");
      this.#emit({ type: "unreadable", path, reason: file.reason });
      return;
    }
    const wasUnreadable = this.#unreadable.delete(path);
    const known = this.#known.get(path);
    if (file.found === "nothing") {
      this.#known.delete(path);
      if (known !== undefined || wasUnreadable) this.#emit({ type: "delete", path });
      return;
    }
    const settled = this.#deps.env.clock.wallMs() - file.stamp.modifiedMs > stampSettlesMs;
    this.#known.set(path, { revision: file.revision, stamp: settled ? file.stamp : null });
    if (known?.revision === file.revision && !wasUnreadable) return;
    this.#emit({ type: "put", entry: { path, text: file.text, revision: file.revision } });
  }

  #reportUnavailable(reason: string): void {
    const known = this.#unavailable === reason;
    this.#synced = false;
    this.#unavailable = reason;
    if (known || this.#closed) return;
    this.#deps.log.warn({ reason }, "the volume is unavailable; its last content stays in force");
    this.#emit({ type: "unavailable", reason });
  }

  /** A listener that throws is a defect of its own and must not be taken for a failure of the volume. */
  #emit(event: StoreEvent): void {
    if (this.#closed) return;
    try {
      this.#onEvent(event);
    } catch (error) {
      this.#deps.log.error({ err: error, event: event.type }, "a listener of the volume failed");
    }
  }

  #warnOnce(folder: { readonly path: string; readonly reason: string }): void {
    if (this.#unreadableFolders.has(folder.path)) return;
    this.#unreadableFolders.add(folder.path);
    this.#deps.log.warn(folder, "cannot read a folder; what was known of it stays in force");
  }

  async #removeOld(path: string): Promise<void> {
    const { env } = this.#deps;
    const stamp = await env.fs.stat(path);
    if (stamp !== null && env.clock.wallMs() - stamp.modifiedMs > temporaryMsMax) await env.fs.remove(path);
  }
}
