import type { Orchestrator } from "./orchestrator.ts";

/** For collectors that are run by somebody else: it takes every wish and does nothing. */
export function makeNoneOrchestrator(): Orchestrator {
  return {
    name: "none",
    apply: () => Promise.resolve(),
    scale: () => Promise.resolve(),
    delete: () => Promise.resolve(),
    list: () => Promise.resolve([]),
    watch: () => ({ close() {} }),
    close: () => Promise.resolve(),
  };
}
