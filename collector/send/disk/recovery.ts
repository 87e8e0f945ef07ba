import { join } from "node:path/posix";
import { makeDurableDir } from "../../../core/runtime/durable_dir.ts";
import { FileMissingError, type FileSystem } from "../../../core/runtime/env.ts";
import { decodeSegmentHeader, type SegmentHeader, segmentHeaderBytes } from "./format.ts";
import { RunLog } from "./run_log.ts";
import { lastOf, type Stored } from "./run_reader.ts";
import { countDamage, countLoss, countRecord, makeSegment, parseSegmentName } from "./segment.ts";

/** How much is read at a time. */
const scanBytes = 1024 * 1024;

/** What an earlier start of the collector has left on disk. */
export interface RecoveredRun {
  readonly log: RunLog;
  /** The first and last sequence that are held. */
  readonly first: number;
  readonly last: number;
  readonly records: number;
  readonly samples: number;
  /** Nothing above it was ever sent. */
  readonly bound: number;
}

export interface Recovery {
  /** Oldest first. */
  readonly runs: readonly RecoveredRun[];
  /** Files that hold no segment; they were renamed to `<name>.bad`. */
  readonly badFiles: number;
  /** What follows the last good item of each run: writes that were cut off. */
  readonly cutBytes: number;
  /** The greatest epoch that was found; 0 when there is none. */
  readonly newestEpoch: bigint;
}

/** Reads all that earlier starts have left in the folder, which is made when it is missing. */
export async function recoverSpool(fs: FileSystem, folder: string, segmentBytes: number): Promise<Recovery> {
  await makeDurableDir(fs, folder);
  const numbers = new Map<bigint, number[]>();
  let newestEpoch = 0n;
  for (const { name } of await fs.readDir(folder)) {
    const segment = parseSegmentName(name);
    const epoch = segment?.epoch ?? epochOfMarks(name);
    if (epoch === null) continue;
    if (epoch > newestEpoch) newestEpoch = epoch;
    const known = numbers.get(epoch) ?? [];
    if (segment !== null) known.push(segment.number);
    numbers.set(epoch, known);
  }
  const runs: RecoveredRun[] = [];
  let [badFiles, cutBytes] = [0, 0];
  for (const epoch of [...numbers.keys()].toSorted((a, b) => (a < b ? -1 : 1))) {
    const log = new RunLog({ fs, folder, epoch, segmentBytes });
    const found = await adoptSegments(log, folder, (numbers.get(epoch) ?? []).toSorted((a, b) => a - b));
    badFiles += found.badFiles;
    const run = await scanRun(log, found.acknowledged);
    cutBytes += log.restBytes;
    if (run === null) await log.remove();
    else runs.push(run);
  }
  return { runs, badFiles, cutBytes, newestEpoch };
}

/** Loads the marks and takes over the segments, except those that nobody needs any more, which go. */
async function adoptSegments(
  log: RunLog,
  folder: string,
  numbers: readonly number[],
): Promise<{ readonly acknowledged: number; readonly badFiles: number }> {
  const { fs, epoch } = log;
  const marks = await log.loadMarks();
  let badFiles = 0;
  const headers: { readonly header: SegmentHeader; readonly bytes: number }[] = [];
  for (const number of numbers) {
    const { path } = makeSegment(folder, epoch, number, 1);
    const { header, bytes } = await readHeader(fs, path);
    if (header !== null) {
      headers.push({ header, bytes });
    } else if (bytes < segmentHeaderBytes) {
      await fs.remove(path);
    } else {
      badFiles++;
      await fs.rename(path, join(folder, `${path.slice(folder.length + 1)}.bad`));
    }
  }
  const acknowledged = Math.max(marks?.acknowledged ?? 0, ...headers.map(({ header }) => header.acknowledged));
  // Without marks nobody knows what was sent: all of it may have been.
  log.marks = { generation: 1, bound: Number.MAX_SAFE_INTEGER, losses: [], ...marks, acknowledged };
  for (const [index, { header, bytes }] of headers.entries()) {
    const segment = makeSegment(folder, epoch, header.number, header.firstSequence);
    const end = (headers[index + 1]?.header.firstSequence ?? Infinity) - 1;
    const isLost = log.losses.some((lost) => lost.firstSequence <= segment.first && end <= lost.lastSequence);
    if (end <= acknowledged || isLost) {
      await fs.remove(segment.path);
      continue;
    }
    segment.bytes = bytes;
    log.adopt(segment);
  }
  return { acknowledged, badFiles };
}

/** Reads a run from end to end; null when it holds nothing. */
async function scanRun(log: RunLog, acknowledged: number): Promise<RecoveredRun | null> {
  let [last, records, samples] = [acknowledged, 0, 0];
  for await (const stored of allOf(log, acknowledged + 1)) {
    last = lastOf(stored);
    const segment = log.segments.findLast(({ first }) => first <= last);
    if (stored.kind === "record") {
      records++;
      samples += stored.record.samples;
      if (segment !== undefined) countRecord(segment, last, stored.record);
    } else if (stored.isFound) {
      records += stored.lost.records;
      if (segment !== undefined) countDamage(segment, stored.lost);
    } else if (segment !== undefined && !log.losses.some((lost) => lost.lastSequence === last)) {
      countLoss(segment, stored.lost);
    }
  }
  if (last === acknowledged) return null;
  return { log, first: acknowledged + 1, last, records, samples, bound: log.marks.bound };
}

async function* allOf(log: RunLog, first: number): AsyncGenerator<Stored> {
  for (let next = first;;) {
    const batch = await log.read(next, Number.POSITIVE_INFINITY, scanBytes, false);
    const last = batch.at(-1);
    if (last === undefined) return;
    yield* batch;
    next = lastOf(last) + 1;
  }
}

async function readHeader(
  fs: FileSystem,
  path: string,
): Promise<{ readonly header: SegmentHeader | null; readonly bytes: number }> {
  try {
    const handle = await fs.open(path, "read");
    try {
      const bytes = new Uint8Array(segmentHeaderBytes);
      const got = await handle.read(bytes, 0);
      return { header: decodeSegmentHeader(bytes.subarray(0, got)), bytes: await handle.size() };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof FileMissingError) return { header: null, bytes: 0 };
    throw error;
  }
}

function epochOfMarks(name: string): bigint | null {
  const match = /^(\d{1,18})\.marks$/.exec(name);
  return match === null ? null : BigInt(match[1] ?? "");
}
