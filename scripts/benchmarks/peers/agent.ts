import type { ProcessUsage } from "../process_usage.ts";
import type { Case } from "./cases.ts";

/** A scraper with everything that it needs to deliver. */
export interface Agent {
  /** As it is called on the command line. */
  readonly name: string;
  /** Name and version of the program and its runtime; null when it cannot be had. */
  version(): string | null;
  start(options: AgentOptions): Promise<RunningAgent>;
}

export interface AgentOptions {
  readonly of: Case;
  /** On 127.0.0.1, one for each target. */
  readonly targetPorts: readonly number[];
  readonly sinkUrl: string;
  /** An empty folder of its own. */
  readonly folder: string;
  /** Which CPUs it may use, as `taskset` takes them; null where there is no taskset. */
  readonly cpus: string | null;
  /** Where CPU profiles go; null without them. */
  readonly profileFolder: string | null;
}

export interface RunningAgent {
  /** Each of its processes, by name. */
  usage(): Readonly<Record<string, ProcessUsage>>;
  /** Bytes so far between its processes; null when it is only one. */
  innerBytes(): Promise<number | null>;
  /** Samples of the targets that it has taken so far, in scrapes that ended in time; null when it does not say. */
  takenSamples(): Promise<number | null>;
  stop(): Promise<void>;
}

/** The labels that every agent gives a target. */
export function targetLabels(index: number): { readonly pod: string; readonly [name: string]: string } {
  return { cluster: clusterId, metric: metricName, namespace, pod: `bench-7d4b9c6f5-${String(10_000 + index)}` };
}

export const clusterId = "BCS-K8S-00001";
export const namespace = "shop";
export const metricName = "bench";
