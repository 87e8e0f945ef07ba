import { join } from "node:path";
import { MalformedError } from "../../core/protocol/bytes.ts";
import { FileMissingError, type FileSystem } from "../../core/runtime/env.ts";
import { type ProcessTable, systemProcesses } from "../../core/runtime/process_table.ts";
import { type LockHolder, lockHolders } from "./directory.ts";
import { type DamagedStretch, EntryAccount, payloadEntryCount } from "./entries.ts";
import { parseSegmentFileName, RecordKind, segmentFileName, segmentHeaderBytes } from "./format.ts";
import { readCheckpoint, readData, readDataHead, readSession } from "./payloads.ts";
import { listSegments, readHeaders, type SegmentFile } from "./recovery.ts";
import type { ByteRange } from "./segment.ts";
import { readBytes, type ScannedRecord, SegmentScanner } from "./segment_scanner.ts";
import { SequenceGaps, type SequenceRange } from "./sequence_gaps.ts";
import type { Origin } from "./wal.ts";

export type RecordKindName = keyof typeof RecordKind;

/** What stands in one segment file. */
export interface SegmentSummary {
  readonly file: string;
  readonly number: number;
  readonly bytes: number;
  /** Unix milliseconds; null when the header is damaged. */
  readonly createdMs: number | null;
  /** Entries before the segment, and before what follows it. */
  readonly startEntry: number;
  readonly endEntry: number;
  /** Count, and bytes with their headers, of the good records of each kind. */
  readonly records: Readonly<Record<RecordKindName, { count: number; bytes: number }>>;
  readonly origins: readonly OriginSummary[];
  readonly damaged: readonly DamagedStretch[];
  /** What stands behind the last good record of the newest segment: just being written, or to be cut off. */
  readonly tail: ByteRange | null;
  /** Why the file is no segment, or null: the next start sets it aside. */
  readonly problem: string | null;
}

export interface OriginSummary {
  readonly origin: Origin;
  records: number;
  firstSequence: number;
  lastSequence: number;
}

/** A record that sinks get. */
export interface RecordSummary {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  readonly kind: RecordKindName;
  /** Entries before it, and in it. */
  readonly entry: number;
  readonly entries: number;
  /** Null when it has none, or nothing declares it. */
  readonly origin: Origin | null;
  readonly sequence: number;
}

/** What is known of a log as a whole. */
export interface LogSummary {
  readonly dir: string;
  /** The processes that say that they use it. */
  readonly locks: readonly LockHolder[];
  readonly segments: readonly SegmentSummary[];
  /** Files that a start has set aside. */
  readonly setAside: readonly string[];
  readonly bytes: number;
  /** Entries that the log has had over its life, and how many of them damage took that still stands in it. */
  readonly entries: number;
  readonly damagedEntries: number;
  /** Sequence numbers that damage took, as far as the records around it tell. */
  readonly missing: readonly SequenceRange[];
  readonly isDamaged: boolean;
}

export interface InspectDeps {
  readonly fs: FileSystem;
  /** Called with each record that sinks get, in order. Default: nothing. */
  readonly onRecord?: (record: RecordSummary) => void;
  /** Default: the machine's. */
  readonly processes?: ProcessTable;
}

/**
 * Tells what stands in the log in `dir`, or in `dir/wal`, when that is an exporter's data folder. It only reads, and
 * may be used while an exporter writes. A tail that is torn, or still being written, is no damage.
 * @throws FileMissingError when the directory is absent.
 * @throws UserError when a later version of the program wrote it.
 */
export async function inspectWal(folder: string, deps: InspectDeps): Promise<LogSummary> {
  const { fs } = deps;
  const inside = await fs.stat(join(folder, "wal"));
  const dir = inside === null ? folder : join(folder, "wal");
  const names = (await fs.readDir(dir)).map(({ name }) => name);
  const files = await readHeaders({ dir, fs }, (await listSegments(dir, fs)).numbers);
  const gaps = new SequenceGaps();
  const segments: SegmentSummary[] = [];
  for (const [index, file] of files.entries()) {
    const before = segments.findLast(({ problem }) => problem === null);
    const summary = await summarize(dir, file, files[index + 1], before, gaps, deps);
    if (summary !== null) segments.push(summary);
  }
  const damaged = segments.flatMap((segment) => segment.damaged);
  return {
    dir,
    locks: lockHolders(names, deps.processes ?? systemProcesses),
    segments,
    setAside: names.filter((name) => parseSegmentFileName(name)?.bad === true).toSorted(),
    bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    entries: segments.at(-1)?.endEntry ?? 0,
    damagedEntries: damaged.reduce((sum, { entries }) => sum + entries, 0),
    missing: gaps.missing,
    isDamaged: damaged.length > 0 || segments.some(({ problem }) => problem !== null),
  };
}

/** Returns null for a segment that was trimmed meanwhile. */
async function summarize(
  dir: string,
  file: SegmentFile,
  following: SegmentFile | undefined,
  before: SegmentSummary | undefined,
  gaps: SequenceGaps,
  { fs, onRecord }: InspectDeps,
): Promise<SegmentSummary | null> {
  const summary = new SegmentReader(file, before?.endEntry ?? null, gaps, onRecord ?? (() => {}));
  if (typeof file.header === "string") return summary.finish(file.bytes, following);
  try {
    const handle = await fs.open(`${dir}/${segmentFileName(file.number)}`, "read");
    try {
      const bytes = await handle.size();
      const scanner = new SegmentScanner(handle, segmentHeaderBytes, bytes);
      for (let items = await scanner.read(readBytes); items.length > 0; items = await scanner.read(readBytes)) {
        for (const item of items) {
          if (item.found === "damage") summary.damage(item);
          else summary.record(item);
        }
      }
      return summary.finish(bytes, following);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof FileMissingError) return null;
    throw error;
  }
}

/** Sums up one segment. */
class SegmentReader {
  readonly #file: SegmentFile;
  readonly #gaps: SequenceGaps;
  readonly #onRecord: (record: RecordSummary) => void;
  readonly #account: EntryAccount;
  readonly #counts = emptyCounts();
  readonly #origins = new Map<number, OriginSummary>();
  readonly #damaged: DamagedStretch[] = [];
  #startEntry: number | null;
  /** Records whose origin is declared only behind them, if at all. */
  #orphans: { readonly originNumber: number; readonly sequence: number; readonly stretch: DamagedStretch }[] = [];

  constructor(
    file: SegmentFile,
    entryBefore: number | null,
    gaps: SequenceGaps,
    onRecord: (record: RecordSummary) => void,
  ) {
    this.#file = file;
    this.#gaps = gaps;
    this.#onRecord = onRecord;
    this.#startEntry = typeof file.header === "object" && file.header !== null ? file.header.entries : entryBefore;
    this.#account = new EntryAccount(this.#startEntry ?? 0);
    if (file.header === null) this.damage({ offset: 0, end: segmentHeaderBytes });
  }

  damage(range: ByteRange): void {
    this.#account.damage(range);
    this.#gaps.damaged();
  }

  record(item: ScannedRecord): void {
    if (this.#startEntry === null) this.#account.entry = this.#startEntry = item.entry;
    let entries = 0;
    try {
      entries = payloadEntryCount(item.kind, item.payload);
      const { taken, damaged } = this.#account.record(item, this.#file.entriesMax);
      if (damaged !== null) this.#damaged.push(damaged);
      if (!taken) return this.#gaps.damaged();
      const kind = this.#counts[kindNames[item.kind]];
      kind.count++;
      kind.bytes += item.end - item.offset;
      this.#take(item, entries);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.#damaged.push({ offset: item.offset, end: item.end, entries });
      this.#gaps.damaged();
    }
  }

  finish(bytes: number, following: SegmentFile | undefined): SegmentSummary {
    for (const { originNumber, sequence, stretch } of this.#orphans) {
      const summary = this.#origins.get(originNumber);
      if (summary === undefined) this.#damaged.push(stretch);
      else countSequence(summary, sequence);
    }
    const account = this.#account;
    const header = typeof this.#file.header === "object" ? this.#file.header : null;
    const isEmpty = bytes <= segmentHeaderBytes && header === null;
    const problem = typeof this.#file.header === "string" ? this.#file.header : null;
    const isNewest = following === undefined;
    const tail = isNewest && account.pending !== null ? { ...account.pending, end: bytes } : null;
    if (tail !== null) account.pending = null;
    const next = following?.header;
    const endEntry = typeof next === "object" && next !== null ? next.entries : account.entry;
    const last = problem === null ? account.end(bytes, endEntry) : null;
    if (last !== null) {
      this.#damaged.push(last);
      this.#gaps.damaged();
    }
    return {
      file: segmentFileName(this.#file.number),
      number: this.#file.number,
      bytes,
      createdMs: header?.createdMs ?? null,
      startEntry: this.#startEntry ?? 0,
      endEntry: account.entry,
      records: this.#counts,
      origins: [...this.#origins.values()].filter((origin) => origin.records > 0),
      damaged: this.#damaged,
      tail,
      problem: isNewest && isEmpty ? null : problem,
    };
  }

  #take(item: ScannedRecord, entries: number): void {
    const { kind, payload } = item;
    if (kind === RecordKind.session) {
      const { number, origin } = readSession(payload);
      if (!this.#origins.has(number)) {
        this.#origins.set(number, { origin, records: 0, firstSequence: 0, lastSequence: 0 });
      }
      return;
    }
    if (kind === RecordKind.checkpoint) return this.#gaps.checkpoint(readCheckpoint(payload));
    if (kind === RecordKind.shape) return;
    const { originNumber, sequence } = readDataHead(payload);
    const summary = this.#origins.get(originNumber);
    const { offset, end } = item;
    if (summary !== undefined) {
      countSequence(summary, sequence);
      this.#gaps.record(summary.origin, firstSequenceOf(item, summary.origin), sequence);
    } else if (originNumber !== 0) {
      this.#orphans.push({ originNumber, sequence, stretch: { offset, end, entries } });
    }
    this.#onRecord({
      segment: this.#file.number,
      offset,
      bytes: end - offset,
      kind: kindNames[kind],
      entry: item.entry,
      entries,
      origin: summary?.origin ?? null,
      sequence,
    });
  }
}

/** A declared loss covers a range of sequence numbers, any other record one. */
function firstSequenceOf({ kind, payload }: ScannedRecord, origin: Origin): number {
  if (kind !== RecordKind.lost) return readDataHead(payload).sequence;
  const record = readData(kind, payload, () => origin);
  return record.kind === "lost" ? record.lost.firstSequence : record.sequence;
}

function countSequence(summary: OriginSummary, sequence: number): void {
  summary.firstSequence = summary.records === 0 ? sequence : Math.min(summary.firstSequence, sequence);
  summary.lastSequence = Math.max(summary.lastSequence, sequence);
  summary.records++;
}

function emptyCounts(): Record<RecordKindName, { count: number; bytes: number }> {
  const none = () => ({ count: 0, bytes: 0 });
  return { session: none(), checkpoint: none(), shape: none(), scrapes: none(), opaque: none(), lost: none() };
}

const kindNames: Record<RecordKind, RecordKindName> = {
  [RecordKind.session]: "session",
  [RecordKind.checkpoint]: "checkpoint",
  [RecordKind.shape]: "shape",
  [RecordKind.scrapes]: "scrapes",
  [RecordKind.opaque]: "opaque",
  [RecordKind.lost]: "lost",
};
