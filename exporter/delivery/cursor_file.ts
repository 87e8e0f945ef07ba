/**
 * Where the cursor of a sink and its books are kept: `<data>/cursors/<sink>.json`, one line of JSON.
 *
 *   {"format":"bcs-metric cursor","version":1,"sink":"file","segment":3,"offset":8192,"entry":120,"logEntries":150,
 *    "sinceMs":1700000000000,"firstEntry":0,"settled":{"delivered":[119,2380],…},"notes":{"declared":[7,140],…},
 *    "origins":[{"cluster":"c","namespace":"shop","name":"bcs-collector-shop-0","epoch":"17","sequence":40}],
 *    "check":"1f20f62a"}
 *
 * | member     | meaning                                                                                 |
 * | ---------- | --------------------------------------------------------------------------------------- |
 * | segment    | number of the WAL segment of the next record for this sink                              |
 * | offset     | where in the segment that record begins, in bytes                                       |
 * | entry      | entries of the log before it                                                            |
 * | logEntries | entries that the log had, at least, when this was written                               |
 * | sinceMs    | when the books were begun, Unix milliseconds                                            |
 * | firstEntry | entries of the log before the first that the sink was to have                           |
 * | settled    | what became of the entries from there to `entry`: for each outcome [entries, samples]   |
 * | notes      | what is counted beside, likewise; exporter/ledger/books.ts says what each means         |
 * | origins    | the highest settled sequence number of the collectors' starts heard of last; at most 512 |
 * | check      | CRC-32C of everything before `,"check"` in UTF-8, eight hexadecimal digits              |
 *
 * Write: temporary file, fsync, rename, fsync of the directory; so there is the old cursor or the new one, and position
 *   and counts are of the same moment.
 * Read: a file that is missing, or of which anything does not hold, is no cursor: the sink begins at the oldest record,
 *   since a wrong position would skip records, while delivering some twice is allowed; its books begin anew.
 * Deletion: never; whoever removes it has everything that is still in the WAL delivered again.
 */

import { join } from "node:path";
import { z } from "zod";
import { messageOf, UserError } from "../../core/errors.ts";
import { crc32c } from "../../core/hash/crc32c.ts";
import { makeDurableDir } from "../../core/runtime/durable_dir.ts";
import { FileMissingError, type FileSystem } from "../../core/runtime/env.ts";
import { imbalance, newNotes, newSettled, type SinkAccount, type Tally } from "../ledger/books.ts";
import { originsMax } from "../ledger/progress.ts";
import type { WalPosition } from "../wal/wal.ts";

const format = "bcs-metric cursor";

const count = z.int().min(0);
const tally = z.tuple([count, z.number().min(0)]).transform(([entries, samples]): Tally => ({ entries, samples }));
const tallies = <Names extends Record<string, Tally>>(names: Names) =>
  z.strictObject(
    Object.fromEntries(Object.keys(names).map((name) => [name, tally])) as Record<keyof Names, typeof tally>,
  );

const cursorSchema = z.strictObject({
  format: z.literal(format),
  version: z.literal(1),
  sink: z.string(),
  segment: count,
  offset: count,
  entry: count,
  logEntries: count,
  sinceMs: z.number(),
  firstEntry: z.int(),
  settled: tallies(newSettled()),
  notes: tallies({ ...newNotes() }),
  origins: z.array(z.strictObject({
    cluster: z.string(),
    namespace: z.string(),
    name: z.string(),
    epoch: z.string().regex(/^\d{1,20}$/),
    sequence: count,
  })).max(originsMax),
});

/** A cursor as it was saved. */
export interface SavedAccount extends SinkAccount {
  readonly logEntries: number;
}

export class CursorFile {
  readonly #directory: string;
  readonly #sink: string;
  readonly #fs: FileSystem;

  constructor(directory: string, sink: string, fs: FileSystem) {
    this.#directory = directory;
    this.#sink = sink;
    this.#fs = fs;
  }

  get path(): string {
    return join(this.#directory, `${this.#sink}.json`);
  }

  /** What was saved; null when there is nothing; `damaged` when the file is there but does not hold it. */
  async read(): Promise<SavedAccount | null | "damaged"> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#fs.readFile(this.path);
    } catch (error) {
      if (error instanceof FileMissingError) return null;
      throw error;
    }
    const found = cursorSchema.safeParse(parseChecked(new TextDecoder().decode(bytes))).data;
    if (found === undefined || found.sink !== this.#sink) return "damaged";
    const { segment, offset, entry, logEntries, sinceMs, firstEntry, settled, notes } = found;
    const origins = found.origins.map(({ sequence, epoch, ...identity }) => ({
      origin: { ...identity, epoch: BigInt(epoch) },
      sequence,
    }));
    const books = { sinceMs, firstEntry, settled, notes };
    const account = { position: { segment, offset, entry }, books, origins, logEntries };
    return imbalance(account) === 0 ? account : "damaged";
  }

  /**
   * `logEntries`: what the log has now.
   * Rejects when the file system fails; the previous cursor is in force then.
   */
  async write(account: SinkAccount, logEntries: number): Promise<void> {
    const temporary = `${this.path}.tmp`;
    await makeDurableDir(this.#fs, this.#directory);
    const handle = await this.#fs.open(temporary, "create");
    try {
      await handle.truncate(0);
      await handle.write(new TextEncoder().encode(textOf(this.#sink, account, logEntries)), 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await this.#fs.rename(temporary, this.path);
    await this.#fs.syncDir(this.#directory);
  }
}

/**
 * The positions of the saved cursors, each with the entries that the log had by then: numbers up to them must not be
 * given out again, whatever has become of the log since. Files that hold no cursor do not count.
 * @throws UserError when a file cannot be read.
 */
export async function positionsOnRecord(
  directory: string,
  sinks: readonly string[],
  fs: FileSystem,
): Promise<WalPosition[]> {
  const positions: WalPosition[] = [];
  for (const sink of sinks) {
    const file = new CursorFile(directory, sink, fs);
    const found = await file.read().catch((error: unknown) => {
      throw new UserError(`Cannot read cursor "${file.path}": ${messageOf(error)}`, { cause: error });
    });
    if (found === null || found === "damaged") continue;
    positions.push({ ...found.position, entry: Math.max(found.logEntries, found.position.entry) });
  }
  return positions;
}

function textOf(sink: string, { position, books, origins }: SinkAccount, logEntries: number): string {
  const { sinceMs, firstEntry, settled, notes } = books;
  const content = JSON.stringify({
    format,
    version: 1,
    sink,
    ...position,
    logEntries,
    sinceMs,
    firstEntry,
    settled: pairs(settled),
    notes: pairs({ ...notes }),
    origins: origins.map(({ origin, sequence }) => {
      const { cluster, namespace, name, epoch } = origin;
      return { cluster, namespace, name, epoch: String(epoch), sequence };
    }),
  }).slice(0, -1);
  return `${content},"check":"${checkOf(content)}"}\n`;
}

function pairs(named: Readonly<Record<string, Tally>>): Record<string, [number, number]> {
  return Object.fromEntries(Object.entries(named).map(([name, { entries, samples }]) => [name, [entries, samples]]));
}

function checkOf(content: string): string {
  return crc32c(new TextEncoder().encode(content)).toString(16).padStart(8, "0");
}

/** The object without its check, when that holds; else undefined. */
function parseChecked(text: string): unknown {
  const match = /^(?<content>.*),"check":"(?<check>[0-9a-f]{8})"\}\n$/s.exec(text)?.groups;
  if (match?.["content"] === undefined || match["check"] !== checkOf(match["content"])) return undefined;
  try {
    return JSON.parse(`${match["content"]}}`);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
