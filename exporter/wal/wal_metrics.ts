import { Counter, Gauge, type Registry } from "../../core/telemetry/metrics.ts";
import type { WalStats } from "./wal.ts";

const gauges: readonly (readonly [string, string, (stats: WalStats) => number])[] = [
  ["bytes", "Bytes of the log.", ({ bytes }) => bytes],
  ["segments", "Segment files of the log.", ({ segments }) => segments],
  ["pending_bytes", "Bytes that wait for the disk.", ({ pendingBytes }) => pendingBytes],
  [
    "accepting",
    "1 while what comes is acknowledged; 0 on a full disk, and after a failure until a restart.",
    ({ condition }) => condition === "good" ? 1 : 0,
  ],
];

const counters: readonly (readonly [string, string, (stats: WalStats) => number])[] = [
  ["entries", "Scrapes and opaque records made durable over the log's whole life.", ({ entries }) => entries],
  ["damaged_ranges", "Damaged stretches that were passed over.", ({ corruptRecords }) => corruptRecords],
  ["damaged_entries", "Scrapes and opaque records in damaged stretches.", ({ damagedEntries }) => damagedEntries],
  ["truncated_bytes", "Bytes of a torn tail that were cut off at the start.", ({ truncatedBytes }) => truncatedBytes],
  ["bad_files", "Files set aside at the start, since they hold no log.", ({ badFiles }) => badFiles],
  ["disk_full_failures", "Writes that found the disk full.", ({ diskFullFailures }) => diskFullFailures],
];

/** Registers `bcs_metric_exporter_wal_…`; `read` is called when they are scraped. */
export function registerWalMetrics(registry: Registry, read: () => WalStats): void {
  for (const [name, help, value] of gauges) {
    new Gauge({
      name: `bcs_metric_exporter_wal_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(value(read()));
      },
    });
  }
  for (const [name, help, value] of counters) {
    new Counter({
      name: `bcs_metric_exporter_wal_${name}_total`,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(value(read()));
      },
    });
  }
}
