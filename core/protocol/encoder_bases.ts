import { baseCostBytes, makeBase, moveBase, type Moved, type ValueBase } from "./coded_values.ts";

/** The series of one block, in the order of a layout. */
export interface Span {
  /** The block's id. */
  readonly id: string;
  readonly count: number;
}

/** A base in its slot. */
export interface KeptBase {
  readonly slot: number;
  /** Target and layout. */
  readonly key: string;
  readonly base: ValueBase;
  /** For each block 32 bits of its id, and its number of series. Two that are taken for one cost only bytes. */
  readonly spans: Uint32Array;
  lastMs: number;
  /** Distance of the last two scrapes; 0 after the first. */
  intervalMs: number;
}

/** A base is out of use when it was not used for so many of its intervals, or for so long when it has none. */
const idleIntervals = 2;
const idleMsMin = 60_000;
/** How many of those that were not used for longest are looked at when room is wanted. */
const evictedMax = 8;

/** The bases that a sender keeps, within a budget; see `ScrapeEncoder`. */
export class EncoderBases {
  readonly #budgetBytes: number;
  /** By target and layout, those that were not used for longest first. */
  readonly #byKey = new Map<string, KeptBase>();
  /** For each target the base that another layout of it may begin with. */
  readonly #byTarget = new Map<string, KeptBase>();
  readonly #freeSlots: number[] = [];
  #slotCount = 0;
  #dropped: number[] = [];
  #bytes = 0;

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): KeptBase | undefined {
    return this.#byKey.get(key);
  }

  /** Notes that a scrape of that time is coded against the base. */
  use(kept: KeptBase, timestampMs: number): void {
    kept.intervalMs = timestampMs - kept.lastMs;
    kept.lastMs = timestampMs;
    this.#byKey.delete(kept.key);
    this.#byKey.set(kept.key, kept);
  }

  /** The slots that were dropped since the last call. */
  takeDropped(): readonly number[] {
    const dropped = this.#dropped;
    if (dropped.length > 0) this.#dropped = [];
    return dropped;
  }

  /** Keeps a base for a new target or layout, null when there is no room; `moves` tells what it has of another one. */
  add(
    key: string,
    blocks: readonly Span[],
    count: number,
    nowMs: number,
  ): { readonly kept: KeptBase; readonly moves: readonly Moved[] } | null {
    const targetKey = targetOf(key);
    const spans = spansOf(blocks, count);
    const prior = this.#byTarget.get(targetKey);
    const moves = prior === undefined ? [] : movesBetween(prior.spans, spans);
    const movedCount = moves.reduce((sum, move) => sum + move.count, 0);
    // One that was used once, and earlier, is of a target that changes everything each time.
    const replaces = prior !== undefined
      && (movedCount * 2 >= Math.max(count, prior.base.scales.length)
        || (prior.intervalMs === 0 && prior.lastMs < nowMs));
    const freedBytes = replaces ? baseCostBytes(prior.base.scales.length) : 0;
    if (!this.#makeRoom(baseCostBytes(count) - freedBytes, replaces ? prior : undefined, nowMs)) return null;
    if (replaces) this.#forget(prior);
    const base = replaces ? moveBase(prior.base, count, moves) : makeBase(count);
    const slot = replaces ? prior.slot : this.#freeSlots.pop() ?? this.#slotCount++;
    const kept = { slot, key, base, spans, lastMs: nowMs, intervalMs: 0 };
    this.#byKey.set(key, kept);
    this.#bytes += baseCostBytes(count);
    if (replaces || prior === undefined || prior.base.scales.length <= count * 2) this.#byTarget.set(targetKey, kept);
    return { kept, moves: replaces ? moves : [] };
  }

  #makeRoom(neededBytes: number, spared: KeptBase | undefined, nowMs: number): boolean {
    let looked = 0;
    for (const kept of this.#byKey.values()) {
      if (this.#bytes + neededBytes <= this.#budgetBytes || looked++ >= evictedMax) break;
      if (kept === spared || !isIdle(kept, nowMs)) continue;
      this.#forget(kept);
      this.#freeSlots.push(kept.slot);
      this.#dropped.push(kept.slot);
    }
    return this.#bytes + neededBytes <= this.#budgetBytes;
  }

  #forget(kept: KeptBase): void {
    this.#byKey.delete(kept.key);
    const targetKey = targetOf(kept.key);
    if (this.#byTarget.get(targetKey) === kept) this.#byTarget.delete(targetKey);
    this.#bytes -= baseCostBytes(kept.base.scales.length);
  }
}

/** Nothing when the blocks are not those of the samples: then no other layout begins with them. */
function spansOf(blocks: readonly Span[], count: number): Uint32Array {
  const spans = new Uint32Array(blocks.length * 2);
  let total = 0;
  for (const [index, block] of blocks.entries()) {
    spans[index * 2] = Number.parseInt(block.id.slice(0, 8), 16);
    spans[index * 2 + 1] = block.count;
    total += block.count;
  }
  return total === count ? spans : new Uint32Array(0);
}

function targetOf(key: string): string {
  return key.slice(0, key.length / 2);
}

function isIdle({ lastMs, intervalMs }: KeptBase, nowMs: number): boolean {
  return nowMs - lastMs > Math.max(idleMsMin, intervalMs * idleIntervals);
}

/** Where the blocks that two layouts share stand in each; neighbours that stay neighbours are one move. */
function movesBetween(before: Uint32Array, after: Uint32Array): readonly Moved[] {
  const places = new Map<number, { readonly at: number; readonly count: number }>();
  for (let index = 0, at = 0; index < before.length; index += 2) {
    const count = before[index + 1] as number;
    places.set(before[index] as number, { at, count });
    at += count;
  }
  const moves: { from: number; to: number; count: number }[] = [];
  for (let index = 0, to = 0; index < after.length; index += 2) {
    const count = after[index + 1] as number;
    const place = places.get(after[index] as number);
    const last = moves.at(-1);
    if (place?.count === count) {
      const follows = last !== undefined && last.from + last.count === place.at && last.to + last.count === to;
      if (follows) last.count += count;
      else moves.push({ from: place.at, to, count });
    }
    to += count;
  }
  return moves;
}
