import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ExportedSample, readExported } from "./sink_files.ts";

const firstFile = "metrics-00000001.jsonl";
const lineFeed = 10;

/** What the folder of a file sink has of scrapes. */
export interface DeliveredScrapes {
  /** One key for each record, see {@link recordKey}. */
  readonly keys: ReadonlySet<string>;
  /** How many there are with those that came again. */
  readonly total: number;
  /** Unix milliseconds of the scrapes that failed, by instance. */
  readonly failed: ReadonlyMap<string, readonly number[]>;
  /** Of numbered targets, by instance: for each number, how many series of it have arrived. */
  readonly numbers: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

export async function readDelivered(folders: readonly string[]): Promise<DeliveredScrapes> {
  const keys = new Set<string>();
  const failed = new Map<string, number[]>();
  const numbers = new Map<string, Map<number, Set<string>>>();
  let total = 0;
  for (const folder of folders) {
    for (const sample of await readExported(folder)) {
      const { name, labels, value, timestampMs } = sample;
      const instance = labels["instance"] ?? "";
      const key = recordKey(sample);
      if (key !== null) {
        total++;
        keys.add(key);
      }
      if (name === "up") {
        if (value !== 1) failed.set(instance, [...failed.get(instance) ?? [], timestampMs]);
      } else if (name === "scrapes_total") {
        const known = numbers.get(instance) ?? new Map<number, Set<string>>();
        numbers.set(instance, known);
        const number = Number(value);
        known.set(number, (known.get(number) ?? new Set()).add(labels["series"] ?? ""));
      }
    }
  }
  const counts = [...numbers].map(([instance, known]) =>
    [instance, new Map([...known].map(([number, series]) => [number, series.size]))] as const
  );
  return { keys, total, failed, numbers: new Map(counts) };
}

/**
 * How many different records the first file of a file sink held when it had so many bytes, for each of these sizes,
 * which must ascend.
 */
export async function scrapesAtSizes(folder: string, sizes: readonly number[]): Promise<number[]> {
  const bytes = await readFile(join(folder, firstFile)).catch(() => new Uint8Array());
  const keys = new Set<string>();
  const counts: number[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(lineFeed, start) + 1;
    if (end === 0) break;
    while (counts.length < sizes.length && (sizes[counts.length] ?? 0) < end) counts.push(keys.size);
    const line = new TextDecoder().decode(bytes.subarray(start, end));
    const key = recordKey(JSON.parse(line));
    if (key !== null) keys.add(key);
    start = end;
  }
  while (counts.length < sizes.length) counts.push(keys.size);
  return counts;
}

/** Bytes of that file; 0 when it is not there yet. */
export async function deliveredBytes(folder: string): Promise<number> {
  return (await stat(join(folder, firstFile)).catch(() => null))?.size ?? 0;
}

/**
 * The key of the record of a numbered target that a sample stands for, one sample for each record; null for the others.
 * A scrape is `instance timestampMs`. One that fails after one that did not is a second record, which marks what was
 * exposed before as stale.
 */
export function recordKey({ name, labels, value, timestampMs }: ExportedSample): string | null {
  const key = `${labels["instance"]} ${timestampMs}`;
  if (name === "up") return key;
  return name === "scrapes_total" && labels["series"] === "0" && Number.isNaN(Number(value)) ? `${key} stale` : null;
}
