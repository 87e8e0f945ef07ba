import { crc32c } from "../../core/hash/crc32c.ts";
import { ByteWriter } from "../../core/protocol/bytes.ts";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { encodeBlock, type EncodedShape, encodeLayout, encodeTarget, type Shape } from "../../core/protocol/shape.ts";
import type { Clock, Env, FileSystem } from "../../core/runtime/env.ts";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import type { ProcessTable } from "../../core/runtime/process_table.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { openWal, type WalOptions } from "./file_wal.ts";
import { lookAtRecord, segmentFileName, segmentHeaderBytes, writeSegmentHeader } from "./format.ts";
import type {
  LostRecord,
  OpaqueWalRecord,
  Origin,
  ScrapesRecord,
  Wal,
  WalPosition,
  WalReader,
  WalRecord,
} from "./wal.ts";

export const dir = "/data/wal";
export const startMs = 1_800_000_000_000;

/** A clock that moves only when a test moves it. */
export class TestClock implements Clock {
  now = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  wallMs(): number {
    return startMs + this.now;
  }

  monotonicMs(): number {
    return this.now;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.now + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Lets time pass, runs what falls due and what follows from it. */
  async advance(ms: number): Promise<void> {
    this.now += ms;
    for (const timer of this.#timers) {
      if (timer.atMs > this.now) continue;
      this.#timers.delete(timer);
      timer.run();
    }
    await quiet();
  }
}

/** Resolves when everything that needs no timer and no real disk has run. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export interface TestWal {
  readonly wal: Wal;
  readonly fs: MemoryFileSystem;
  readonly clock: TestClock;
  /** What `onDurable` has told last. */
  readonly durable: () => number;
  /** One parsed line for each message logged so far. */
  readonly lines: readonly Record<string, unknown>[];
}

let starts = 0;

/** This process as one that runs alone and was never seen before. */
export function soleProcess(): ProcessTable {
  return { self: `${++starts}-test-1`, isRunning: () => false };
}

export type TestOptions = Partial<Omit<WalOptions, "env">> & { readonly fs?: MemoryFileSystem };

/** A log on a disk in memory. Nothing waits for a timer unless `coalesceMs` says so. */
export async function openTestWal(options: TestOptions = {}): Promise<TestWal> {
  const { fs = new MemoryFileSystem(), ...others } = options;
  const clock = new TestClock();
  const lines: Record<string, unknown>[] = [];
  const wal = await openWal({
    coalesceMs: 0,
    paceMs: 0,
    tailBytes: 0,
    reserveBytes: 0,
    processes: soleProcess(),
    ...others,
    ...walEnv(fs, clock, lines),
  });
  let durable = 0;
  wal.onDurable((index) => durable = index);
  return { wal, fs, clock, durable: () => durable, lines };
}

function walEnv(fs: FileSystem, clock: Clock, lines: Record<string, unknown>[]) {
  const env: Pick<Env, "fs" | "clock"> = { fs, clock };
  const log = makeLogger("test", "debug", { write: (line) => void lines.push(JSON.parse(line)) });
  return { dir, env, log };
}

/** The same shape as a plain object: a block of the log reads its series when asked. */
export function plainShape(shape: Shape | undefined): Shape | undefined {
  if (shape?.kind !== "block") return shape;
  const { kind, id, family, type, help, unit, series } = shape;
  return { kind, id, family, type, help, unit, series };
}

export function origin(name: string, epoch = 1n): Origin {
  return { cluster: "BCS-K8S-00001", namespace: "shop", name, epoch };
}

export interface TestShapes {
  readonly target: EncodedShape;
  readonly blocks: readonly EncodedShape[];
  readonly layout: EncodedShape;
  /** In the order in which a collector sends them. */
  readonly all: readonly EncodedShape[];
}

/** A target with its layout of two blocks, one of three series and one of one. */
export function shapesOf(name: string): TestShapes {
  const series = (metric: string, paths: readonly string[]) =>
    paths.map((path) => ({ name: metric, labels: [{ name: "path", value: path }] }));
  const help = { type: "counter", help: "", unit: "" };
  const blocks = [
    encodeBlock({ family: `${name}_requests_total`, ...help }, series(`${name}_requests_total`, ["/a", "/b", "/c"])),
    encodeBlock({ family: `${name}_errors_total`, ...help }, series(`${name}_errors_total`, ["/"])),
  ];
  const layout = encodeLayout(blocks.map(({ shape }) => shape.id));
  const target = encodeTarget(0, [{ name: "instance", value: `${name}:9100` }]);
  return { target, blocks, layout, all: [target, ...blocks, layout] };
}

/** A record with one scrape whose values tell its sequence. */
export function scrapes(from: Origin, sequence: number, shapes: TestShapes): ScrapesRecord {
  const body = encodeScrapes([{
    targetId: shapes.target.shape.id,
    layoutId: shapes.layout.shape.id,
    timestampMs: startMs + sequence,
    values: Float64Array.of(sequence, sequence + 0.25, sequence + 0.5, NaN),
    sampleTimesMs: null,
  }]);
  return { kind: "scrapes", origin: from, sequence, body };
}

export function opaque(from: Origin | null, sequence: number, text: string): OpaqueWalRecord {
  const body = new TextEncoder().encode(text);
  return { kind: "opaque", origin: from, sequence, frameType: 1, id: 1500001n, timestampNs: 1n, body };
}

export function lost(from: Origin, firstSequence: number, lastSequence: number): LostRecord {
  const records = lastSequence - firstSequence + 1;
  const reason = "spool full";
  const range = {
    firstSequence,
    lastSequence,
    records,
    samples: records * 4,
    oldestMs: startMs,
    newestMs: startMs + 1,
  };
  return { kind: "lost", origin: from, lost: { ...range, reason } };
}

/** Adds a target's shapes to a log. */
export function addShapes(wal: Wal, shapes: TestShapes): void {
  for (const { body } of shapes.all) wal.shapes.add(body);
}

/** Appends and waits until it is durable. */
export async function appendAll(wal: Wal, records: readonly WalRecord[]): Promise<void> {
  for (const record of records) wal.append(record);
  await quiet();
}

/** Everything that is durable, with bodies that stay valid. */
export async function readAll(wal: Wal, position: WalPosition | null = null, bytesMax = 4096): Promise<WalRecord[]> {
  const reader = wal.reader(position);
  const { records } = await readOn(reader, bytesMax);
  await reader.close();
  return records;
}

/** Reads until there is nothing new. */
export async function readOn(
  reader: WalReader,
  bytesMax = 4096,
): Promise<{ readonly records: WalRecord[]; readonly positions: WalPosition[] }> {
  const records: WalRecord[] = [];
  const positions: WalPosition[] = [];
  for (let found = await reader.read(bytesMax); found !== null; found = await reader.read(bytesMax)) {
    positions.push(found.next);
    for (const record of found.records) {
      records.push(record.kind === "lost" ? record : { ...record, body: record.body.slice() });
    }
  }
  return { records, positions };
}

/** The sequences of one origin's records, in the order of the log. */
export function sequencesOf(records: readonly WalRecord[], name: string): number[] {
  return records.filter((record) => record.origin?.name === name)
    .map((record) => record.kind === "lost" ? record.lost.lastSequence : record.sequence);
}

export function segmentPath(number: number): string {
  return `${dir}/${segmentFileName(number)}`;
}

/** A segment header of any version. */
export function headerOf(
  { number, version = 1, entries = 0 }: { number: number; version?: number; entries?: number },
): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writeSegmentHeader(writer, { number, createdMs: 0, entries });
  const header = writer.finish();
  const view = new DataView(header.buffer);
  view.setUint32(8, version);
  view.setUint32(36, crc32c(header.subarray(0, 36)));
  return header;
}

/** A disk with the given files in the directory of the log, all of them durable. */
export async function diskWith(files: Readonly<Record<string, Uint8Array>>): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem();
  await fs.makeDir(dir);
  for (const [name, bytes] of Object.entries(files)) {
    const file = await fs.open(`${dir}/${name}`, "exclusive");
    await file.write(bytes, 0);
    await file.sync();
    await file.close();
  }
  await fs.syncDir(dir);
  return fs.crash("keep");
}

export async function fileNames(fs: FileSystem): Promise<string[]> {
  return (await fs.readDir(dir)).map(({ name }) => name).toSorted();
}

/** A number in [0, 1) that is the same in each run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Opens a log on a disk that holds these files. */
export async function reopen(files: Readonly<Record<string, Uint8Array>>): Promise<TestWal> {
  return await openTestWal({ fs: await diskWith(files) });
}

export const smallLogShapes = shapesOf("t");

/** A log of one segment in two groups, as its bytes. */
export async function smallLog(): Promise<{ bytes: Uint8Array; records: readonly WalRecord[] }> {
  const [a, b] = [origin("a"), origin("b")];
  const { wal, fs } = await openTestWal();
  addShapes(wal, smallLogShapes);
  const records = [
    scrapes(a, 1, smallLogShapes),
    opaque(b, 1, "b1"),
    scrapes(a, 2, smallLogShapes),
    opaque(b, 2, "b2"),
    lost(a, 3, 5),
  ];
  await appendAll(wal, records.slice(0, 3));
  await appendAll(wal, records.slice(3));
  await wal.close();
  return { bytes: await fs.readFile(segmentPath(1)), records };
}

export interface Place {
  readonly kind: number;
  readonly offset: number;
  readonly end: number;
}

/** Where the records of a good segment stand. */
export function placesOf(bytes: Uint8Array): Place[] {
  const places: Place[] = [];
  for (let offset = segmentHeaderBytes; offset < bytes.length;) {
    const look = lookAtRecord(bytes, offset, bytes.length);
    if (look.found !== "record") throw new Error(`Cannot read record at ${offset}`);
    places.push({ kind: look.kind, offset, end: look.end });
    offset = look.end;
  }
  return places;
}
