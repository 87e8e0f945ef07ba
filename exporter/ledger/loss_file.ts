/**
 * The losses that were declared for a sink: `<data>/losses/<sink>.jsonl`, one JSON object a line.
 *
 *   {"declaredMs":1700000000000,"reason":"retention","detail":"HTTP 503","firstSegment":3,"lastSegment":3,
 *    "fromEntry":120,"toEntry":150,"entries":30,"samples":600,"oldestMs":1699990000000,"newestMs":1699990060000,
 *    "origins":[{"cluster":"c","namespace":"shop","name":"bcs-collector-shop-0","epoch":"17","firstSequence":40,
 *                "lastSequence":69,"entries":30,"samples":600}]}
 *
 * Write: appended and fsynced before the sink's cursor moves behind `toEntry`. A declaration that a crash parted from
 *   its cursor is made again: so, at the start, lines that reach beyond the saved cursor are cut off, as is an
 *   incomplete last line.
 *   A collector's declaration that no entry follows may stand twice after a crash; it is counted once.
 * Bound: a file of 1 MiB becomes `<sink>.1.jsonl`, in place of the one before; the totals are in the cursor file.
 * Deletion: by whoever likes; nothing is read from them but for people.
 */

import { dirname, join } from "node:path";
import { z } from "zod";
import { parseJson } from "../../core/json.ts";
import { makeDurableDir } from "../../core/runtime/durable_dir.ts";
import { FileMissingError, type FileSystem } from "../../core/runtime/env.ts";
import type { Loss } from "./loss.ts";

export const lossFileBytesMax = 1024 * 1024;
/** As many are kept in memory, the newest. */
export const lossesShownMax = 200;

const count = z.int().min(0);
const time = z.number().nullable();
const lossSchema = z.object({
  declaredMs: z.number(),
  reason: z.enum(["retention", "damage", "unresolved", "collector"]),
  detail: z.string(),
  firstSegment: count,
  lastSegment: count,
  fromEntry: count,
  toEntry: count,
  entries: count,
  samples: count,
  oldestMs: time,
  newestMs: time,
  origins: z.array(z.object({
    cluster: z.string(),
    namespace: z.string(),
    name: z.string(),
    epoch: z.string().regex(/^\d{1,20}$/),
    firstSequence: count,
    lastSequence: count,
    entries: count,
    samples: count,
  })),
});

/** A loss, and when it was declared. */
export interface DeclaredLoss extends Loss {
  readonly declaredMs: number;
}

export class LossFile {
  readonly #path: string;
  readonly #fs: FileSystem;
  readonly #recent: DeclaredLoss[] = [];
  /** Behind the last whole declaration: a later one writes over what a failure left. */
  #end = 0;

  constructor(directory: string, sink: string, fs: FileSystem) {
    this.#path = join(directory, `${sink}.jsonl`);
    this.#fs = fs;
  }

  get path(): string {
    return this.#path;
  }

  /** The newest, oldest first; at most {@link lossesShownMax}. */
  get recent(): readonly DeclaredLoss[] {
    return this.#recent;
  }

  /**
   * Reads what was declared, and cuts off what lies beyond `entry`, where the saved cursor stands: it will be declared
   * again. Rejects when the file system fails.
   */
  async open(entry: number): Promise<void> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#fs.readFile(this.#path);
    } catch (error) {
      if (error instanceof FileMissingError) return;
      throw error;
    }
    let end = 0;
    for (let newline = bytes.indexOf(0x0a); newline >= 0; newline = bytes.indexOf(0x0a, end)) {
      const loss = parseLine(bytes.subarray(end, newline));
      if (loss !== null && loss.toEntry > entry) break;
      if (loss !== null) this.#remember(loss);
      end = newline + 1;
    }
    this.#end = end;
    if (end === bytes.length) return;
    const handle = await this.#fs.open(this.#path, "create");
    try {
      await handle.truncate(end);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Rejects when the file system fails; whether some of it is declared is not known then. */
  async declare(losses: readonly Loss[], declaredMs: number): Promise<void> {
    const directory = dirname(this.#path);
    await makeDurableDir(this.#fs, directory);
    const declared = losses.map((loss): DeclaredLoss => ({ declaredMs, ...loss }));
    const bytes = new TextEncoder().encode(declared.map(lineOf).join(""));
    if (this.#end > 0 && this.#end + bytes.length > lossFileBytesMax) {
      await this.#fs.rename(this.#path, this.#path.replace(/\.jsonl$/, ".1.jsonl"));
      this.#end = 0;
    }
    const handle = await this.#fs.open(this.#path, "create");
    try {
      await handle.truncate(Math.min(this.#end, await handle.size()));
      await handle.write(bytes, this.#end);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await this.#fs.syncDir(directory);
    this.#end += bytes.length;
    for (const loss of declared) this.#remember(loss);
  }

  #remember(loss: DeclaredLoss): void {
    this.#recent.push(loss);
    if (this.#recent.length > lossesShownMax) this.#recent.shift();
  }
}

/** The JSON form, which `/v1/ledger` shows too. */
export function lossJson({ origins, ...rest }: DeclaredLoss) {
  const spans = origins.map(({ origin: { cluster, namespace, name, epoch }, ...span }) => {
    return { cluster, namespace, name, epoch: String(epoch), ...span };
  });
  return { ...rest, origins: spans };
}

function lineOf(loss: DeclaredLoss): string {
  return `${JSON.stringify(lossJson(loss))}\n`;
}

/** Null for what is no declaration: it is left where it is. */
function parseLine(bytes: Uint8Array): DeclaredLoss | null {
  const read = lossSchema.safeParse(parseJson(new TextDecoder().decode(bytes))).data;
  if (read === undefined) return null;
  const origins = read.origins.map(({ cluster, namespace, name, epoch, ...span }) => {
    return { origin: { cluster, namespace, name, epoch: BigInt(epoch) }, ...span };
  });
  return { ...read, origins };
}
