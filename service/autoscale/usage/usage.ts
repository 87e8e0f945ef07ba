/** What is measured of a collector; null where nobody knows, which is never taken for nothing. */
export interface CollectorUsage {
  /** Its name within the namespace. */
  readonly collector: string;
  /** Of one core. */
  readonly cpuPercent: number | null;
  readonly memoryMiB: number | null;
  /** By how much its scrapes started late, on average. */
  readonly lagSeconds: number | null;
}

export const dimensions = ["cpu", "memory", "lag"] as const;
export type Dimension = (typeof dimensions)[number];

/** The figure that a rule compares. */
export function figureOf(usage: CollectorUsage, dimension: Dimension): number | null {
  switch (dimension) {
    case "cpu":
      return usage.cpuPercent;
    case "memory":
      return usage.memoryMiB;
    case "lag":
      return usage.lagSeconds;
    default:
      return dimension satisfies never;
  }
}

export const units: Readonly<Record<Dimension, string>> = { cpu: "% of a core", memory: "MiB", lag: "s" };

/** A collector whose usage is asked for. */
export interface AskedCollector {
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
  /** Of its record in the registry; "" while it is not there. */
  readonly id: string;
  /** `host:port` of its /metrics; "" while it is not known. */
  readonly metricsAddress: string;
  /** What it tells of itself in the registry. */
  readonly load: Readonly<Record<string, number>>;
}

export interface UsageAnswer {
  /** In the order in which the collectors were asked for. */
  readonly usages: readonly CollectorUsage[];
  /** Why something could not be read; "" when nothing was in the way. */
  readonly problem: string;
}

/** Where usage comes from. */
export interface UsageSource {
  /** In a few words, for people. */
  readonly name: string;
  /** Never rejects: what cannot be read is null, with the problem. */
  read(collectors: readonly AskedCollector[]): Promise<UsageAnswer>;
}
