import type { ScrapeLimits } from "../config/schema.ts";
import type { Series } from "../protocol/shape.ts";
import type { TargetLabels } from "./target_labels.ts";

/** The scrape is refused whole; the message is the reason that the target's status shows. */
export class ScrapeRefusedError extends Error {
  override name = "ScrapeRefusedError";
  /** The limit that is exceeded; null for another reason. */
  readonly limit: LimitName | null;

  constructor(message: string, limit: LimitName | null = null) {
    super(message);
    this.limit = limit;
  }
}

export type LimitName = keyof ScrapeLimits;

/**
 * @param samples Those that relabelling leaves.
 * @throws ScrapeRefusedError when a scrape has more samples than its metric allows.
 */
export function checkSamples(samples: number, limits: ScrapeLimits, address: string): void {
  if (limits.samples > 0 && samples > limits.samples) {
    throw exceeds(address, "samples", limits.samples, `${samples} samples`);
  }
}

/**
 * Checks one series, whose conflicts are settled, as Prometheus does: the target's labels count like its own, and the
 * name counts as the label `__name__`. Lengths are in bytes.
 * @throws ScrapeRefusedError when it has too many labels, or one whose name or value is too long.
 */
export function checkLabels(series: Series, target: TargetLabels, limits: ScrapeLimits, address: string): void {
  if (limits.labels > 0) {
    const count = countLabels(series, target);
    if (count > limits.labels) {
      throw exceeds(address, "labels", limits.labels, `${count} labels in ${shown(series)}`);
    }
  }
  if (limits.labelNameLength === 0 && limits.labelValueLength === 0) return;
  const check = (name: string, value: string) => {
    checkLength("labelNameLength", limits.labelNameLength, name, series, address);
    checkLength("labelValueLength", limits.labelValueLength, value, series, address);
  };
  check("__name__", series.name);
  for (const { name, value } of series.labels) if (value !== "") check(name, value);
  const own = new Set(series.labels.map(({ name }) => name));
  for (const [name, value] of target.values) if (!own.has(name)) check(name, value);
}

function checkLength(
  limit: "labelNameLength" | "labelValueLength",
  bytesMax: number,
  text: string,
  series: Series,
  address: string,
): void {
  if (bytesMax === 0) return;
  const bytes = Buffer.byteLength(text);
  if (bytes <= bytesMax) return;
  const what = `${bytes} bytes of "${text.slice(0, 50)}" in ${shown(series)}`;
  throw exceeds(address, limit, bytesMax, what);
}

function countLabels(series: Series, target: TargetLabels): number {
  let count = 1 + target.values.size;
  for (const label of series.labels) {
    if (!target.values.has(label.name)) count++;
    else if (label.value === "") count--;
  }
  return count;
}

function exceeds(address: string, limit: LimitName, max: number, found: string): ScrapeRefusedError {
  return new ScrapeRefusedError(`${address} exceeds limits.${limit} of ${max}: ${found}`, limit);
}

function shown(series: Series): string {
  return `"${series.name.slice(0, 50)}"`;
}
