import { UserError } from "../../core/errors.ts";
import type { FileSystem } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { DamagedStretch } from "./entries.ts";
import {
  parseSegmentFileName,
  readSegmentHeader,
  segmentFileName,
  type SegmentHeader,
  segmentHeaderBytes,
  walVersion,
} from "./format.ts";
import type { LogStart } from "./log_events.ts";
import { type FoundSegment, RecoveryScan } from "./recovery_scan.ts";
import { ResumePoints } from "./resume_points.ts";
import { readBytes, SegmentScanner } from "./segment_scanner.ts";
import { SequenceGaps } from "./sequence_gaps.ts";
import type { HeldShapes } from "./shape_table.ts";
import type { WalPosition } from "./wal.ts";

export interface RecoveryDeps {
  readonly dir: string;
  readonly fs: FileSystem;
  readonly log: Logger;
  /** Gets the shapes of all segments, each held by those in which it stands. */
  readonly shapes: HeldShapes;
  readonly wallMs: number;
  /** See `WalOptions`. */
  readonly knownPositions: readonly WalPosition[];
}

export interface Recovery extends LogStart {
  readonly corruptRecords: number;
  readonly damagedEntries: number;
  readonly truncatedBytes: number;
  readonly badFiles: number;
}

/**
 * Reads the whole log at the start of the process, by the rules of format.ts: cuts off a torn tail, passes over other
 * damage, sets aside what is no segment, and rebuilds shapes, origins and resume points. What it returns is durable.
 * @throws UserError when a segment has a version that this program does not know.
 */
export async function recoverLog(deps: RecoveryDeps): Promise<Recovery> {
  const { dir, fs, log } = deps;
  const { numbers, highest } = await listSegments(dir, fs);
  const files = await readHeaders(deps, numbers);
  const found: FoundSegment[] = [];
  const gaps = new SequenceGaps();
  let badFiles = 0;
  for (const file of files) {
    const result = await readSegmentFile(deps, file, found.at(-1), gaps);
    if (typeof result !== "string") {
      found.push(result);
      continue;
    }
    badFiles++;
    const name = segmentFileName(file.number);
    const setAsideAs = await setAside(dir, name, fs);
    log.warn({ file: name, setAsideAs, reason: result }, "set aside a file that is no WAL segment");
  }
  const truncatedBytes = await settleNewest(deps, found.at(-1));
  // Creations of the process before, and the renames here, may not have reached the disk yet.
  await fs.syncDir(dir);
  const { knownPositions } = deps;
  const entries = settleEntries(found, Math.max(0, ...knownPositions.map(({ entry }) => entry)));
  const segments = found.map(({ segment }) => segment);
  const damage = segments.flatMap((segment) => segment.damage.map((stretch) => ({ segment, stretch })));
  for (const { segment, stretch } of damage) logDamage(log, segment.number, stretch);
  for (const { origin: { epoch, ...collector }, ...sequences } of gaps.missing) {
    const from = { ...collector, epoch: String(epoch) };
    log.error({ origin: from, ...sequences }, "damage took sequences of a collector; they may come again");
  }
  const points = new ResumePoints();
  for (const one of found) points.raiseAll(one.points.list());
  return {
    shapes: deps.shapes,
    segments,
    nextSegment: 1 + Math.max(highest, ...knownPositions.map(({ segment }) => segment)),
    entries,
    points: points.list(),
    corruptRecords: damage.length,
    damagedEntries: damage.reduce((sum, { stretch }) => sum + stretch.entries, 0),
    truncatedBytes,
    badFiles,
  };
}

/**
 * Ends each segment at the entry where the next one begins, so that what is missing between two belongs to one.
 * Returns how many entries the log has had.
 */
function settleEntries(found: readonly FoundSegment[], entriesMin: number): number {
  let next = Math.max(entriesMin, found.at(-1)?.account.entry ?? 0);
  const entries = next;
  for (const { segment, account } of found.toReversed()) {
    segment.endEntry = next;
    const last = account.end(segment.bytes, next);
    if (last !== null) segment.damage.push(last);
    next = segment.startEntry;
  }
  return entries;
}

export function logDamage(log: Logger, segment: number, { offset, end, entries }: DamagedStretch): void {
  log.error({ segment, offset, end, bytes: end - offset, entries }, "passed over damaged WAL records");
}

/** The numbers of the segments in order, and the highest ever used; 0 when there is none. */
export async function listSegments(dir: string, fs: FileSystem): Promise<{ numbers: number[]; highest: number }> {
  const numbers: number[] = [];
  let highest = 0;
  for (const { name, kind } of await fs.readDir(dir)) {
    const parsed = kind === "file" ? parseSegmentFileName(name) : null;
    if (parsed === null) continue;
    highest = Math.max(highest, parsed.number);
    if (!parsed.bad) numbers.push(parsed.number);
  }
  return { numbers: numbers.toSorted((a, b) => a - b), highest };
}

/** A segment file before its records are read. */
export interface SegmentFile {
  readonly number: number;
  readonly bytes: number;
  /** Null when it is damaged; a text that says why the file is no segment when it cannot be one. */
  readonly header: SegmentHeader | null | string;
  /** The entry at which a later segment begins for certain: more cannot have come before. */
  entriesMax: number;
  readonly modifiedMs: number;
}

/** Reads the headers of all segments before anything is changed, since each bounds what comes before it. */
export async function readHeaders(
  deps: Pick<RecoveryDeps, "dir" | "fs">,
  numbers: readonly number[],
): Promise<SegmentFile[]> {
  const files: SegmentFile[] = [];
  let entriesMin = 0;
  for (const number of numbers) {
    const path = `${deps.dir}/${segmentFileName(number)}`;
    const stat = await deps.fs.stat(path);
    // Whoever only looks at a log that is in use may see segments go.
    if (stat === null) continue;
    const { bytes, modifiedMs } = stat;
    const found = bytes === 0 ? null : await readHeader(path, deps.fs);
    const header = bytes === 0 ? "it is empty" : checkHeader(found, number, path, entriesMin);
    if (header !== null && typeof header !== "string") entriesMin = header.entries;
    files.push({ number, bytes, header, entriesMax: Infinity, modifiedMs });
  }
  let entriesMax = Infinity;
  for (const file of files.toReversed()) {
    file.entriesMax = entriesMax;
    if (file.header !== null && typeof file.header !== "string") entriesMax = file.header.entries;
  }
  return files;
}

function checkHeader(
  header: SegmentHeader | null,
  number: number,
  path: string,
  entriesMin: number,
): SegmentHeader | null | string {
  if (header === null) return null;
  if (header.version !== walVersion) {
    throw new UserError(
      `Cannot open WAL segment "${path}": it has format version ${header.version}, but this program knows only `
        + `version ${walVersion}; run the program that wrote it, or move the directory away to begin anew`,
    );
  }
  if (header.number !== number) return `its header says that it is segment ${header.number}`;
  if (header.entries >= entriesMin) return header;
  return `it begins at entry ${header.entries}, but an earlier segment at ${entriesMin}`;
}

/** Returns why the file is no segment when it is none. */
async function readSegmentFile(
  deps: RecoveryDeps,
  { number, header, entriesMax, modifiedMs }: SegmentFile,
  before: FoundSegment | undefined,
  gaps: SequenceGaps,
): Promise<FoundSegment | string> {
  if (typeof header === "string") return header;
  const file = await deps.fs.open(`${deps.dir}/${segmentFileName(number)}`, "read");
  try {
    const bytes = await file.size();
    const createdMs = header?.createdMs ?? deps.wallMs;
    const startEntry = header?.entries ?? before?.account.entry ?? null;
    const limits = { bytes, startEntry, entriesMax };
    if (before !== undefined && startEntry !== null && startEntry > before.account.entry) gaps.damaged();
    const scan = new RecoveryScan(number, limits, createdMs, deps.shapes, gaps);
    if (header === null) scan.damage({ offset: 0, end: Math.min(bytes, segmentHeaderBytes) });
    const scanner = new SegmentScanner(file, segmentHeaderBytes, bytes);
    for (let items = await scanner.read(readBytes); items.length > 0; items = await scanner.read(readBytes)) {
      for (const item of items) {
        if (item.found === "record") scan.record(item);
        else scan.damage(item);
      }
    }
    if (header === null && scan.goodRecords === 0) return "it has neither a header nor a single good record";
    const found = scan.finish();
    found.segment.newestAppendedMs = Math.max(header?.createdMs ?? 0, modifiedMs);
    return found;
  } finally {
    await file.close();
  }
}

async function readHeader(path: string, fs: FileSystem): Promise<SegmentHeader | null> {
  const file = await fs.open(path, "read");
  try {
    const bytes = new Uint8Array(segmentHeaderBytes);
    const count = await file.read(bytes, 0);
    return readSegmentHeader(bytes.subarray(0, count));
  } finally {
    await file.close();
  }
}

/** Cuts off the torn tail of the newest segment and fsyncs it. Returns how many bytes were cut off. */
async function settleNewest(deps: RecoveryDeps, newest: FoundSegment | undefined): Promise<number> {
  if (newest === undefined) return 0;
  const { segment, account } = newest;
  const tail = account.pending;
  const file = await deps.fs.open(`${deps.dir}/${segmentFileName(segment.number)}`, "create");
  let cutBytes = 0;
  try {
    if (tail !== null) {
      cutBytes = segment.bytes - tail.offset;
      segment.bytes = tail.offset;
      account.pending = null;
      await file.truncate(tail.offset);
      deps.log.warn({ segment: segment.number, offset: tail.offset, bytes: cutBytes }, "cut off a torn WAL tail");
    }
    // The process before may have ended between a write and its fsync; what is read from now on must stay.
    await file.sync();
  } finally {
    await file.close();
  }
  return cutBytes;
}

/** Renames without overwriting what was set aside before. */
async function setAside(dir: string, name: string, fs: FileSystem): Promise<string> {
  for (let attempt = 0;; attempt++) {
    const target = `${name}.bad${attempt === 0 ? "" : attempt}`;
    if (await fs.stat(`${dir}/${target}`) !== null) continue;
    await fs.rename(`${dir}/${name}`, `${dir}/${target}`);
    return target;
  }
}
