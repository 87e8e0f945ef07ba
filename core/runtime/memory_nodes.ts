import type { DirEntry } from "./env.ts";

/**
 * What is left after the power failed, for what was not fsynced:
 * - `drop`: nothing of it, the strictest reading of POSIX;
 * - `keep`: all of it, as after the mere end of a process;
 * - `torn`: some directory changes (the earlier ones first, as a journal would have it) and some 512-byte sectors of
 *   the writes, in any order; what a lost sector would have covered is old, or zero where the file grew.
 */
export type CrashMode = "drop" | "keep" | "torn";

/** A number in [0, 1) for each decision that `torn` leaves open. */
export type Chance = () => number;

export const sectorBytes = 512;

export type MemoryNode = MemoryFile | MemoryDirectory;

type FileChange =
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly bytes: number };

/** A file's content as programs see it, and as it was at the last fsync with the changes since then. */
export class MemoryFile {
  readonly content: Content;
  readonly #durable: Content;
  #unsynced: FileChange[] = [];
  modifiedMs: number;

  constructor(modifiedMs: number, bytes: Uint8Array = new Uint8Array(0)) {
    this.content = new Content(bytes);
    this.#durable = new Content(bytes);
    this.modifiedMs = modifiedMs;
  }

  write(bytes: Uint8Array, position: number): void {
    this.#change({ kind: "write", position, bytes: bytes.slice() });
  }

  truncate(bytes: number): void {
    this.#change({ kind: "truncate", bytes });
  }

  sync(): void {
    for (const change of this.#unsynced) apply(this.#durable, change);
    this.#unsynced = [];
  }

  afterCrash(mode: CrashMode, chance: Chance): MemoryFile {
    const survivor = new Content(this.#durable.view());
    if (mode !== "drop") {
      for (const change of this.#unsynced) {
        if (mode === "keep") apply(survivor, change);
        else applyTorn(survivor, change, chance);
      }
    }
    return new MemoryFile(this.modifiedMs, survivor.view());
  }

  #change(change: FileChange): void {
    apply(this.content, change);
    this.#unsynced.push(change);
  }
}

/** Entries that change together or not at all; null stands for a removed one. */
export type EntryChange = readonly (readonly [name: string, node: MemoryNode | null])[];

/** A directory's entries as programs see them, and as they were at its last fsync with the changes since then. */
export class MemoryDirectory {
  readonly #entries = new Map<string, MemoryNode>();
  readonly #durable = new Map<string, MemoryNode>();
  #unsynced: EntryChange[] = [];

  get(name: string): MemoryNode | undefined {
    return this.#entries.get(name);
  }

  list(): DirEntry[] {
    return [...this.#entries].map(([name, node]) => ({
      name,
      kind: node instanceof MemoryDirectory ? "directory" : "file",
    }));
  }

  change(...change: EntryChange): void {
    applyEntries(this.#entries, change);
    this.#unsynced.push(change);
  }

  sync(): void {
    for (const change of this.#unsynced) applyEntries(this.#durable, change);
    this.#unsynced = [];
  }

  afterCrash(mode: CrashMode, chance: Chance): MemoryDirectory {
    const pending = this.#unsynced.length;
    const kept = mode === "drop" || pending === 0
      ? 0
      : mode === "keep"
      ? pending
      : Math.floor(chance() * (pending + 1));
    const entries = new Map(this.#durable);
    for (const change of this.#unsynced.slice(0, kept)) applyEntries(entries, change);
    const survivor = new MemoryDirectory();
    for (const [name, node] of entries) survivor.change([name, node.afterCrash(mode, chance)]);
    survivor.sync();
    return survivor;
  }
}

function applyEntries(entries: Map<string, MemoryNode>, change: EntryChange): void {
  for (const [name, node] of change) {
    if (node === null) entries.delete(name);
    else entries.set(name, node);
  }
}

function apply(content: Content, change: FileChange): void {
  if (change.kind === "write") content.write(change.bytes, change.position);
  else content.truncate(change.bytes);
}

function applyTorn(content: Content, change: FileChange, chance: Chance): void {
  if (change.kind === "truncate") {
    if (chance() < 0.5) apply(content, change);
    return;
  }
  const { bytes, position } = change;
  for (let at = 0; at < bytes.length;) {
    const sectorEnd = Math.min(bytes.length, at + sectorBytes - ((position + at) % sectorBytes));
    if (chance() < 0.5) content.write(bytes.subarray(at, sectorEnd), position + at);
    at = sectorEnd;
  }
}

/** Bytes that grow, with zeros where a write leaves a gap. */
class Content {
  #bytes: Uint8Array;
  #length: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.slice();
    this.#length = bytes.length;
  }

  get length(): number {
    return this.#length;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.view());
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, position);
    this.#length = Math.max(this.#length, end);
  }

  truncate(length: number): void {
    if (length > this.#length) this.write(new Uint8Array(length - this.#length), this.#length);
    this.#bytes.fill(0, length, this.#length);
    this.#length = length;
  }
}
