import { MalformedError } from "../../core/protocol/bytes.ts";
import type { FileHandle, FileSystem } from "../../core/runtime/env.ts";
import { RecordKind, segmentFileName, type SegmentHeader, segmentHeaderBytes } from "./format.ts";
import { readDataHead, readSession } from "./payloads.ts";
import { listSegments, readHeader } from "./recovery.ts";
import type { ByteRange } from "./segment.ts";
import { readBytes, type ScannedRecord, SegmentScanner } from "./segment_scanner.ts";
import type { Origin } from "./wal.ts";

export type RecordKindName = keyof typeof RecordKind;

/** What stands in one segment file. */
export interface SegmentSummary {
  readonly file: string;
  readonly number: number;
  readonly bytes: number;
  /** Null when the header is damaged, or the file is no segment. */
  readonly header: SegmentHeader | null;
  /** Count, and bytes with their headers, of the good records of each kind. */
  readonly records: Readonly<Record<RecordKindName, { count: number; bytes: number }>>;
  readonly origins: readonly OriginSummary[];
  /** What no record could be read from. In the newest segment the last may be a torn tail, or just being written. */
  readonly damaged: readonly ByteRange[];
}

export interface OriginSummary {
  readonly origin: Origin;
  records: number;
  firstSequence: number;
  lastSequence: number;
}

/**
 * Tells what stands in each segment of the log in `dir`, in order of number. It only reads, and may be used while an
 * exporter writes. Records whose origin no session declares are in `records` only.
 * @throws FileMissingError when the directory is absent.
 */
export async function* inspectWal(dir: string, fs: FileSystem): AsyncGenerator<SegmentSummary> {
  const { numbers } = await listSegments(dir, fs);
  for (const number of numbers) {
    const name = segmentFileName(number);
    const file = await fs.open(`${dir}/${name}`, "read");
    try {
      yield await summarize(name, number, file);
    } finally {
      await file.close();
    }
  }
}

async function summarize(name: string, number: number, file: FileHandle): Promise<SegmentSummary> {
  const bytes = await file.size();
  const header = await readHeader(file);
  const records = emptyCounts();
  const damaged: ByteRange[] = header === null ? [{ offset: 0, end: Math.min(bytes, segmentHeaderBytes) }] : [];
  const origins = new Map<number, OriginSummary>();
  const scanner = new SegmentScanner(file, segmentHeaderBytes, bytes);
  for (let items = await scanner.read(readBytes); items.length > 0; items = await scanner.read(readBytes)) {
    for (const item of items) {
      if (item.found === "damage") {
        damaged.push({ offset: item.offset, end: item.end });
        continue;
      }
      const kind = records[kindNames[item.kind]];
      kind.count++;
      kind.bytes += item.end - item.offset;
      try {
        countOrigin(origins, item);
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error;
        damaged.push({ offset: item.offset, end: item.end });
      }
    }
  }
  const seen = [...origins.values()].filter((origin) => origin.records > 0);
  return { file: name, number, bytes, header, records, origins: seen, damaged };
}

function countOrigin(origins: Map<number, OriginSummary>, { kind, payload }: ScannedRecord): void {
  if (kind === RecordKind.session) {
    const { number, origin } = readSession(payload);
    if (!origins.has(number)) origins.set(number, { origin, records: 0, firstSequence: 0, lastSequence: 0 });
    return;
  }
  if (kind === RecordKind.checkpoint || kind === RecordKind.shape) return;
  const { originNumber, sequence } = readDataHead(payload);
  const summary = origins.get(originNumber);
  if (summary === undefined) return;
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
