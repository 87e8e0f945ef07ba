import { UserError } from "../../core/errors.ts";
import type { FileHandle, FileSystem } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import {
  parseSegmentFileName,
  readSegmentHeader,
  segmentFileName,
  type SegmentHeader,
  segmentHeaderBytes,
  walVersion,
} from "./format.ts";
import type { LogStart } from "./log_state.ts";
import { type FoundSegment, RecoveryScan } from "./recovery_scan.ts";
import { ResumePoints } from "./resume_points.ts";
import type { ByteRange } from "./segment.ts";
import { readBytes, SegmentScanner } from "./segment_scanner.ts";
import type { HeldShapes } from "./shape_table.ts";

export interface RecoveryDeps {
  readonly dir: string;
  readonly fs: FileSystem;
  readonly log: Logger;
  /** Gets the shapes of all segments, each held by those in which it stands. */
  readonly shapes: HeldShapes;
  readonly wallMs: number;
}

export interface Recovery extends LogStart {
  readonly corruptRecords: number;
  readonly truncatedBytes: number;
  readonly badFiles: number;
}

/**
 * Reads the whole log at the start of the process, by the rules of format.ts: cuts off a torn tail, passes over other
 * damage, sets aside what is no segment, and rebuilds shapes, origins and resume points. What it returns is durable.
 * @throws UserError when a segment has a version that this program does not know.
 */
export async function recoverLog(deps: RecoveryDeps): Promise<Recovery> {
  const { dir, fs, log, shapes } = deps;
  const found: FoundSegment[] = [];
  const { numbers, highest } = await listSegments(dir, fs);
  let badFiles = 0;
  for (const number of numbers) {
    const result = await readSegmentFile(deps, number);
    if (typeof result !== "string") {
      found.push(result);
      continue;
    }
    badFiles++;
    const name = segmentFileName(number);
    const setAsideAs = await setAside(dir, name, fs);
    log.warn({ file: name, setAsideAs, reason: result }, "set aside a file that is no WAL segment");
  }
  const truncatedBytes = await settleNewest(deps, found.at(-1));
  // Creations of the process before, and the renames here, may not have reached the disk yet.
  await fs.syncDir(dir);
  let corruptRecords = 0;
  const points = new ResumePoints();
  for (const one of found) {
    points.raiseAll(one.points.list());
    corruptRecords += one.segment.damage.length;
    for (const range of one.segment.damage) logDamage(log, one.segment.number, range);
  }
  const segments = found.map(({ segment }) => segment);
  const nextSegment = highest + 1;
  return { shapes, segments, nextSegment, points: points.list(), corruptRecords, truncatedBytes, badFiles };
}

export function logDamage(log: Logger, segment: number, range: ByteRange): void {
  const { offset, end } = range;
  log.error({ segment, offset, end, bytes: end - offset }, "passed over damaged WAL records");
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

/** Returns why the file is no segment when it is none. */
async function readSegmentFile(deps: RecoveryDeps, number: number): Promise<FoundSegment | string> {
  const { dir, fs, wallMs } = deps;
  const path = `${dir}/${segmentFileName(number)}`;
  const file = await fs.open(path, "read");
  try {
    const bytes = await file.size();
    if (bytes === 0) return "it is empty";
    const header = await readHeader(file);
    if (header !== null && header.version !== walVersion) {
      throw new UserError(
        `Cannot open WAL segment "${path}": it has format version ${header.version}, but this program knows only `
          + `version ${walVersion}; run the program that wrote it, or move the directory away to begin anew`,
      );
    }
    if (header !== null && header.number !== number) return `its header says that it is segment ${header.number}`;
    const scan = new RecoveryScan(number, bytes, header?.createdMs ?? wallMs, deps.shapes);
    if (header === null) scan.damage({ offset: 0, end: Math.min(bytes, segmentHeaderBytes) });
    const scanner = new SegmentScanner(file, segmentHeaderBytes, bytes);
    for (let items = await scanner.read(readBytes); items.length > 0; items = await scanner.read(readBytes)) {
      for (const item of items) {
        if (item.found === "record") scan.record(item);
        else scan.damage(item);
      }
    }
    if (header === null && scan.goodRecords === 0) return "it has neither a header nor a single good record";
    return scan.finish();
  } finally {
    await file.close();
  }
}

export async function readHeader(file: FileHandle): Promise<SegmentHeader | null> {
  const bytes = new Uint8Array(segmentHeaderBytes);
  const count = await file.read(bytes, 0);
  return readSegmentHeader(bytes.subarray(0, count));
}

/** Cuts off the torn tail of the newest segment and fsyncs it. Returns how many bytes were cut off. */
async function settleNewest(deps: RecoveryDeps, newest: FoundSegment | undefined): Promise<number> {
  if (newest === undefined) return 0;
  const { segment, tail } = newest;
  const file = await deps.fs.open(`${deps.dir}/${segmentFileName(segment.number)}`, "create");
  let cutBytes = 0;
  try {
    if (tail !== null) {
      cutBytes = segment.bytes - tail.offset;
      segment.bytes = tail.offset;
      segment.damage.splice(segment.damage.indexOf(tail), 1);
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
