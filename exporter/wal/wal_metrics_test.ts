import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "../../core/telemetry/metrics.ts";
import { registerWalMetrics } from "./wal_metrics.ts";
import { appendAll, opaque, openTestWal, origin } from "./wal_testing.ts";

test("the metrics of the log are those of its statistics at the time of the scrape", async () => {
  const { wal } = await openTestWal();
  const registry = new Registry();
  registerWalMetrics(registry, () => wal.stats());
  await appendAll(wal, [opaque(origin("a"), 1, "x"), opaque(origin("a"), 2, "x")]);
  const text = await registry.metrics();
  assert.match(text, /^bcs_metric_exporter_wal_entries_total 2$/m);
  assert.match(text, /^bcs_metric_exporter_wal_accepting 1$/m);
  assert.match(text, new RegExp(`^bcs_metric_exporter_wal_bytes ${wal.stats().bytes}$`, "m"));
  assert.match(text, /^bcs_metric_exporter_wal_damaged_entries_total 0$/m);
  await wal.close();
  assert.match(await registry.metrics(), /^bcs_metric_exporter_wal_entries_total 2$/m);
});
