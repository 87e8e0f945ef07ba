import type { Block, Label, Target } from "../../../core/protocol/shape.ts";
import type { ResolvedScrape } from "../../sink.ts";
import { BlockCache, type Materialized } from "../block_cache.ts";
import type { ExpandedSample } from "../expand.ts";
import { materializeLabels } from "../materialize.ts";
import { sampleTimeMs, StaleBits } from "../samples.ts";
import { seriesText } from "./text.ts";

export interface SeriesTableOptions {
  readonly seriesMax: number;
  /** About; the cache beside the table takes as much again at most. */
  readonly bytesMax: number;
  /** A series whose latest sample is older is gone. */
  readonly lookbackMs: number;
}

/** A series with its latest sample. */
export interface Entry {
  readonly name: string;
  /** Sorted, `__name__` among them. */
  readonly labels: readonly Label[];
  /** The series as the text format writes it; unique. */
  readonly text: string;
  value: number;
  timeMs: number;
  /** Its end was told by a staleness marker. It stays, so that an older sample that comes again does not revive it. */
  stale: boolean;
  /** It is in the table. */
  held: boolean;
}

interface BlockEntries extends Materialized {
  readonly entries: Entry[];
}

const entryOverheadBytes = 250;
const labelOverheadBytes = 60;
const sweepIntervalMs = 10_000;

/** The latest sample of each series, in bounded memory: a series that finds no room is not taken, and counted. */
export class SeriesTable {
  readonly #options: SeriesTableOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #blocks: BlockCache<BlockEntries>;
  #bytes = 0;
  #sweptMs = -Infinity;

  constructor(options: SeriesTableOptions) {
    this.#options = options;
    this.#blocks = new BlockCache(options.bytesMax, (block, target) => this.#entriesOf(block, target));
  }

  get series(): number {
    return this.#entries.size;
  }

  /** Takes the samples of a scrape. Returns how many found no room. */
  put(scrape: ResolvedScrape, nowMs: number): number {
    const stale = new StaleBits(scrape.values);
    let index = 0;
    let dropped = 0;
    for (const block of scrape.blocks) {
      const { entries } = this.#blocks.get(block, scrape.target);
      for (let at = 0; at < entries.length; at++) {
        const entry = this.#hold(entries, at, nowMs);
        if (entry === null) dropped++;
        else update(entry, scrape.values[index] as number, sampleTimeMs(scrape, index), stale.at(index));
        index++;
      }
    }
    return dropped;
  }

  /** Takes one sample, whose labels are materialised. Returns whether there was room. */
  putSample({ labels, value, timestampMs }: ExpandedSample, nowMs: number): boolean {
    const entry = this.#hold([this.#entryOf(labels)], 0, nowMs);
    if (entry !== null) update(entry, value, timestampMs, false);
    return entry !== null;
  }

  /** The series that have a value now, unsorted. */
  *current(nowMs: number): Generator<Entry> {
    this.#sweep(nowMs);
    const oldestMs = nowMs - this.#options.lookbackMs;
    for (const entry of this.#entries.values()) if (!entry.stale && entry.timeMs >= oldestMs) yield entry;
  }

  /** The entry at a place of a block, in the table; null when there is no room for it. */
  #hold(entries: Entry[], at: number, nowMs: number): Entry | null {
    const entry = entries[at] as Entry;
    if (entry.held) return entry;
    // The series may have come in again by another block.
    const present = this.#entries.get(entry.text);
    if (present !== undefined) return entries[at] = present;
    const bytes = sizeOf(entry);
    if (!this.#hasRoom(bytes)) this.#sweep(nowMs);
    if (!this.#hasRoom(bytes)) return null;
    entry.held = true;
    entry.timeMs = -Infinity;
    this.#entries.set(entry.text, entry);
    this.#bytes += bytes;
    return entry;
  }

  #hasRoom(bytes: number): boolean {
    return this.#entries.size < this.#options.seriesMax && this.#bytes + bytes <= this.#options.bytesMax;
  }

  /** Removes what is too old, not too often: it looks at every series. */
  #sweep(nowMs: number): void {
    if (Math.abs(nowMs - this.#sweptMs) < sweepIntervalMs) return;
    this.#sweptMs = nowMs;
    const oldestMs = nowMs - this.#options.lookbackMs;
    for (const [text, entry] of this.#entries) {
      if (entry.timeMs >= oldestMs) continue;
      this.#entries.delete(text);
      this.#bytes -= sizeOf(entry);
      entry.held = false;
    }
  }

  #entriesOf(block: Block, target: Target): BlockEntries {
    const entries = block.series.map((series) => this.#entryOf(materializeLabels(series, target)));
    return { entries, bytes: entries.reduce((sum, entry) => sum + sizeOf(entry), 0) };
  }

  #entryOf(labels: readonly Label[]): Entry {
    const text = seriesText(labels);
    const name = labels.find((label) => label.name === "__name__")?.value ?? "";
    return this.#entries.get(text)
      ?? { name, labels, text, value: NaN, timeMs: -Infinity, stale: false, held: false };
  }
}

function update(entry: Entry, value: number, timeMs: number, stale: boolean): void {
  // A batch may come again behind a newer one.
  if (timeMs < entry.timeMs) return;
  entry.value = value;
  entry.timeMs = timeMs;
  entry.stale = stale;
}

function sizeOf({ text, labels }: Entry): number {
  return 2 * text.length + labels.length * labelOverheadBytes + entryOverheadBytes;
}
