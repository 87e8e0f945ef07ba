import type { Orchestrator } from "./orchestrator.ts";
import { asApplied, type Workload, workloadPath } from "./workload.ts";

/** For collectors that are run by somebody else: it takes every wish, remembers it and does nothing. */
export function makeNoneOrchestrator(): Orchestrator {
  const workloads = new Map<string, Workload>();
  return {
    name: "none",
    apply: (workload) => Promise.resolve(void workloads.set(workloadPath(workload), workload)),
    scale: () => Promise.resolve(),
    delete: (key) => Promise.resolve(void workloads.delete(workloadPath(key))),
    list: () => Promise.resolve([...workloads.values()].map((one) => ({ ...asApplied(one), instances: [] }))),
    watch: () => ({ close() {} }),
    close: () => Promise.resolve(),
  };
}
