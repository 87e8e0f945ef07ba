import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** A line that the file sink wrote. */
export interface ExportedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** NaN and the infinities are strings. */
  readonly value: number | string;
  readonly timestampMs: number;
}

/** All whole lines of the file sink's folder, in the order of its files; none when it has not written yet. */
export async function readExported(folder: string): Promise<ExportedSample[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".jsonl")).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return texts.flatMap((text) =>
    text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter((line) => line !== "")
      .map((line): ExportedSample => JSON.parse(line))
  );
}

/** One text for a series, equal exactly when name and labels are. */
export function seriesKey(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).toSorted(([a], [b]) => a < b ? -1 : 1)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",");
}
