import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { isDeno } from "../runtime/process.ts";

export { Counter, Gauge, Histogram, Registry };

/** As long as a timer can be set for. */
const neverMs = 2 ** 31 - 1;

/** A registry for one process's own metrics, with the runtime's (CPU, memory, event loop) already in it. */
export function makeMetrics(component: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ component });
  // Deno lacks the perf_hooks that the garbage collection and event loop histograms need.
  if (!isDeno) addNodeMetrics(registry);
  else addProcessMetrics(registry);
  return registry;
}

/**
 * Without the histogram of the event loop's lag, which is fed by a timer of 10 ms: waking up a hundred times a second
 * cost a tenth of an exporter's CPU. `nodejs_eventloop_lag_seconds` is measured when it is asked for, and stays.
 */
function addNodeMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs });
  for (const what of ["min", "max", "mean", "stddev", "p50", "p90", "p99"]) {
    registry.removeSingleMetric(`nodejs_eventloop_lag_${what}_seconds`);
  }
}

function addProcessMetrics(registry: Registry): void {
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory size in bytes.",
    registers: [registry],
    collect() {
      this.set(process.memoryUsage().rss);
    },
  });
  new Counter({
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds.",
    registers: [registry],
    collect() {
      const usage = process.cpuUsage();
      this.reset();
      this.inc((usage.user + usage.system) / 1e6);
    },
  });
}
