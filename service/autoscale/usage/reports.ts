import type { AskedCollector, CollectorUsage, UsageSource } from "./usage.ts";

const bytesOfMiB = 1024 * 1024;

/** What the collectors tell of themselves in the registry (collector/usage_meter.ts). */
export function makeReportedUsage(): UsageSource {
  return {
    name: "the collectors' own reports",
    read: (collectors) => Promise.resolve({ usages: collectors.map(usageOf), problem: "" }),
  };
}

function usageOf({ name, load }: AskedCollector): CollectorUsage {
  const { cpuPercent = null, residentBytes = null, lagMs = null } = load;
  return {
    collector: name,
    cpuPercent,
    memoryMiB: residentBytes === null ? null : residentBytes / bytesOfMiB,
    lagSeconds: lagMs === null ? null : lagMs / 1000,
  };
}
