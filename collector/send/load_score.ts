/** Bytes a second that count as much as one connection more: those of a collector with 500 series a second or so. */
const bytesPerSecondOfConnection = 64 * 1024;
const minuteMs = 60_000;
const pressureMax = 10;

/**
 * How loaded an exporter is, by what it publishes in the registry (exporter/announce.ts); lower is better.
 *
 *     (1 + connections + bytesPerSecond / 64 KiB) * (1 + minutes that its sinks are behind, at most 9) * (1 + 9 * walFill)
 *
 * Connections alone would send collectors with few and with many targets alike; bytes alone would send all that come
 * back after a fault to an exporter which nobody has sent to yet. What is behind or nearly full gets fewer, and still
 * some when all are. What is not published counts as 0.
 */
export function loadScore(load: Readonly<Record<string, number>>): number {
  const read = (name: string) => Math.max(0, load[name] ?? 0);
  const work = 1 + read("connections") + read("bytesPerSecond") / bytesPerSecondOfConnection;
  const lateness = Math.min(pressureMax, 1 + read("queueAgeMs") / minuteMs);
  const fullness = 1 + (pressureMax - 1) * Math.min(1, read("walFill"));
  return work * lateness * fullness;
}
