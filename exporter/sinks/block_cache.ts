import type { Block, ContentId, Target } from "../../core/protocol/shape.ts";

export const blockCacheBytesDefault = 64 * 1024 * 1024;

/** What a sink derives from the labels of a block's series under a target, with its size in bytes (about). */
export interface Materialized {
  readonly bytes: number;
}

interface Entry<T> {
  readonly value: T;
  readonly blockId: ContentId;
  readonly targetId: ContentId;
  newer: Entry<T> | null;
  older: Entry<T> | null;
}

/** What an entry costs besides its value: its object, its place in two maps. */
const entryBytes = 256;

/**
 * Fast path: labels are materialised and encoded once for each (block, target), not for each sample. It holds at most
 * `bytesMax` bytes and forgets the least recently used entry beyond that; one that is larger alone is not kept.
 *
 * The maps are nested because ids that come from shapes have their hash computed already, which a joined key has not;
 * the order of use is a linked list through the entries, so that a hit allocates nothing.
 */
export class BlockCache<T extends Materialized> {
  readonly #bytesMax: number;
  readonly #build: (block: Block, target: Target) => T;
  readonly #targets = new Map<ContentId, Map<ContentId, Entry<T>>>();
  #newest: Entry<T> | null = null;
  #oldest: Entry<T> | null = null;
  #bytes = 0;

  constructor(bytesMax: number, build: (block: Block, target: Target) => T) {
    this.#bytesMax = bytesMax;
    this.#build = build;
  }

  /** Bytes held, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get(block: Block, target: Target): T {
    const entry = this.#targets.get(target.id)?.get(block.id);
    if (entry === undefined) return this.#insert(block, target);
    if (entry !== this.#newest) {
      this.#unlink(entry);
      this.#linkNewest(entry);
    }
    return entry.value;
  }

  #insert(block: Block, target: Target): T {
    const value = this.#build(block, target);
    if (value.bytes + entryBytes > this.#bytesMax) return value;
    const entry: Entry<T> = { value, blockId: block.id, targetId: target.id, newer: null, older: null };
    const blocks = this.#targets.get(target.id) ?? new Map<ContentId, Entry<T>>();
    blocks.set(block.id, entry);
    this.#targets.set(target.id, blocks);
    this.#linkNewest(entry);
    this.#bytes += value.bytes + entryBytes;
    while (this.#bytes > this.#bytesMax && this.#oldest !== null) this.#forget(this.#oldest);
    return value;
  }

  #forget(entry: Entry<T>): void {
    this.#unlink(entry);
    const blocks = this.#targets.get(entry.targetId);
    blocks?.delete(entry.blockId);
    if (blocks?.size === 0) this.#targets.delete(entry.targetId);
    this.#bytes -= entry.value.bytes + entryBytes;
  }

  #linkNewest(entry: Entry<T>): void {
    entry.older = this.#newest;
    entry.newer = null;
    if (this.#newest !== null) this.#newest.newer = entry;
    this.#newest = entry;
    this.#oldest ??= entry;
  }

  #unlink(entry: Entry<T>): void {
    if (entry.newer === null) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    if (entry.older === null) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
  }
}
