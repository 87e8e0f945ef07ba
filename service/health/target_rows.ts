import type { CollectorStatus, TargetStatus } from "../../core/registry/status.ts";
import { targetKey } from "../../core/registry/status_delta.ts";
import { ownEndpoint } from "../../core/scrape/endpoint.ts";
import type { NamespacePlan, PlannedTarget } from "../reconcile/view.ts";

/**
 * `unknown`: nobody has told of it yet, or who should scrape it is not there. `unresolved`: a metric selects it and
 * there is nothing to scrape.
 */
export const targetHealths = ["up", "down", "unknown", "unresolved"] as const;
export type TargetHealth = (typeof targetHealths)[number];

/** A target as `GET /v1/targets` shows it. */
export interface TargetRow {
  readonly cluster: string;
  readonly namespace: string;
  readonly metric: string;
  /** `host:port`; "" when it is unresolved. */
  readonly address: string;
  readonly pod: string;
  /** Where it is more than the address: the target has a path or parameters of its own. */
  readonly endpoint?: string;
  /** Name of the collector that scrapes it; "" when none does. */
  readonly collector: string;
  /** The collector that it is being handed over to, and when that begins (Unix milliseconds); null for none. */
  readonly movesTo: { readonly collector: string; readonly atMs: number } | null;
  readonly health: TargetHealth;
  /** Why it is not up; "" when it is. */
  readonly error: string;
  /** Unix milliseconds; 0 before the first scrape. */
  readonly lastScrapeMs: number;
  readonly durationMs: number;
  /** Samples of the last scrape. */
  readonly samples: number;
  /** The collector's record that holds the last scrape; null when it does not tell. */
  readonly lastRecord: { readonly epoch: string; readonly sequence: number } | null;
  /** Generation of the collection that holds it. */
  readonly generation: number;
  /** Generation that its collector has in force; 0 when that is not known. */
  readonly appliedGeneration: number;
}

/** What is known of the collectors. */
export interface CollectorReports {
  /** The last status; null when there is none. */
  statusOf(clusterId: string, namespace: string, collector: string): CollectorStatus | null;
  /** Whether the collector is in the registry. */
  isAlive(clusterId: string, namespace: string, collector: string): boolean;
}

/** Joins what is planned with what the collectors tell of it. */
export function targetRows(namespaces: readonly NamespacePlan[], reports: CollectorReports): TargetRow[] {
  return namespaces.flatMap((plan) => {
    const told = new Map<string, Told>();
    for (const collector of new Set(plan.targets.flatMap((target) => "collector" in target ? target.collector : []))) {
      told.set(collector, toldBy(plan, collector, reports));
    }
    return plan.targets.map((target) => rowOf(plan, target, told));
  });
}

/** What one collector tells, ready to be looked up. */
interface Told {
  readonly alive: boolean;
  readonly generation: number;
  readonly targets: ReadonlyMap<string, TargetStatus>;
}

function toldBy({ clusterId, namespace }: NamespacePlan, collector: string, reports: CollectorReports): Told {
  const status = reports.statusOf(clusterId, namespace, collector);
  return {
    alive: reports.isAlive(clusterId, namespace, collector),
    generation: status?.generation ?? 0,
    targets: new Map(status?.targets.map((target) => [targetKey(target), target])),
  };
}

function rowOf(plan: NamespacePlan, target: PlannedTarget, told: ReadonlyMap<string, Told>): TargetRow {
  const owner = "collector" in target ? told.get(target.collector) : undefined;
  const { metric, address = "" } = target;
  const own = ownEndpoint({ ...target, address });
  const status = owner?.targets.get(targetKey({ metric, address, ...own }));
  return {
    cluster: plan.clusterId,
    namespace: plan.namespace,
    metric,
    address,
    pod: target.pod,
    ...own,
    collector: "collector" in target ? target.collector : "",
    movesTo: "movesTo" in target ? target.movesTo ?? null : null,
    ...healthOf(target, owner, status),
    lastScrapeMs: status?.lastScrapeMs ?? 0,
    durationMs: status?.durationMs ?? 0,
    samples: status?.samples ?? 0,
    lastRecord: recordOf(status),
    generation: "generation" in target ? target.generation : 0,
    appliedGeneration: owner?.generation ?? 0,
  };
}

function recordOf(status: TargetStatus | undefined): TargetRow["lastRecord"] {
  const { epoch, sequence } = status ?? {};
  return epoch === undefined || sequence === undefined ? null : { epoch, sequence };
}

function healthOf(
  target: PlannedTarget,
  owner: Told | undefined,
  status: TargetStatus | undefined,
): Pick<TargetRow, "health" | "error"> {
  if ("reason" in target) {
    return { health: target.address === undefined ? "unresolved" : "unknown", error: target.reason };
  }
  // What a dead collector told last is old news, however good it was.
  if (owner === undefined || !owner.alive) return { health: "unknown", error: "its collector is not running" };
  if (status !== undefined) return { health: status.health, error: status.error };
  return owner.generation < target.generation
    ? { health: "unknown", error: `its collector has not taken generation ${target.generation} yet` }
    : { health: "unknown", error: "its collector has not told of it yet" };
}
