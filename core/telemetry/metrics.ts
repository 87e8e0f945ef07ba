import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import { isDeno } from "../runtime/process.ts";

export { Counter, Gauge, Histogram, Registry };

/** A registry for one process's own metrics, with the runtime's (CPU, memory, event loop) already in it. */
export function makeMetrics(component: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ component });
  // Deno lacks the perf_hooks that the garbage collection and event loop histograms need.
  if (!isDeno) collectDefaultMetrics({ register: registry });
  else addProcessMetrics(registry);
  return registry;
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
