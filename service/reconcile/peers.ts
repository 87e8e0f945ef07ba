import type { CollectorStatus } from "../../core/registry/status.ts";
import type { CollectorReports } from "../health/target_rows.ts";
import type { Peers } from "./handover.ts";
import type { StoredCollection } from "./view.ts";

/** A collector that was never seen alive is waited for so long: about the lease of one that was. */
export const startGraceMs = 15_000;

/** What a reconciliation remembers of a collector. */
export interface PeerMemory {
  readonly wasAlive: boolean;
  /** Unix milliseconds since when it is waited for, if it was never alive. */
  readonly sinceMs: number;
}

/**
 * `alive`: in the registry. `starting`: not there yet, and there is hope; a service that has just started does not
 * know of any collector either. `dead`: its lease has ended, or hope.
 */
type PeerState = "alive" | "starting" | "dead";

export interface PeersInputs {
  readonly clusterId: string;
  readonly namespace: string;
  /** The instances of the namespace's workload that are wanted, or still have a collection. */
  readonly names: readonly string[];
  readonly present: readonly StoredCollection[];
  readonly reports: CollectorReports;
  /** As {@link NamespacePeers.memory} was after the last reconciliation. */
  readonly remembered: ReadonlyMap<string, PeerMemory>;
  /** The generations that brought the moments of the handovers under way, as far as they are remembered. */
  readonly moments: ReadonlyMap<number, number>;
  readonly nowMs: number;
}

/** The collectors of a namespace as a reconciliation sees them. */
export class NamespacePeers implements Peers {
  readonly memory: ReadonlyMap<string, PeerMemory>;
  /** What they told last. */
  readonly statuses: readonly CollectorStatus[];
  readonly #states = new Map<string, PeerState>();
  readonly #applied: ReadonlyMap<string, number>;
  readonly #stored: ReadonlyMap<string, number>;
  readonly #moments: ReadonlyMap<number, number>;

  constructor({ clusterId, namespace, names, present, reports, remembered, moments, nowMs }: PeersInputs) {
    const memory = new Map<string, PeerMemory>();
    for (const name of names) {
      const alive = reports.isAlive(clusterId, namespace, name);
      const { wasAlive, sinceMs } = remembered.get(name) ?? { wasAlive: false, sinceMs: nowMs };
      const hopeful = !wasAlive && nowMs < sinceMs + startGraceMs;
      memory.set(name, { wasAlive: wasAlive || alive, sinceMs });
      this.#states.set(name, alive ? "alive" : hopeful ? "starting" : "dead");
    }
    this.memory = memory;
    this.#moments = moments;
    this.statuses = names.flatMap((name) => reports.statusOf(clusterId, namespace, name) ?? []);
    this.#applied = new Map(this.statuses.map(({ collector, generation }) => [collector, generation]));
    this.#stored = new Map(
      present.flatMap(({ name, document }) => document === null ? [] : [[name, document.spec.generation] as const]),
    );
  }

  /** Whether targets may be given to the collector. */
  isEligible(name: string): boolean {
    return (this.#states.get(name) ?? "dead") !== "dead";
  }

  isAlive(name: string): boolean {
    return this.#states.get(name) === "alive";
  }

  mayScrape(name: string): boolean {
    const state = this.#states.get(name) ?? "dead";
    // One that has never told anything has never scraped.
    return state === "alive" || (state === "starting" && (this.#applied.get(name) ?? 0) > 0);
  }

  hasConfirmed(name: string): boolean {
    return this.#hasApplied(name, this.#stored.get(name));
  }

  hasConfirmedMoment(name: string, atMs: number): boolean {
    return this.#hasApplied(name, this.#moments.get(atMs) ?? this.#stored.get(name));
  }

  /** When hope for one that has not started ends; Infinity when none is waited for. */
  nextLookMs(): number {
    const waited = [...this.memory].filter(([name]) => this.#states.get(name) === "starting");
    return Math.min(...waited.map(([, { sinceMs }]) => sinceMs + startGraceMs));
  }

  #hasApplied(name: string, generation: number | undefined): boolean {
    return this.isAlive(name) && generation !== undefined && (this.#applied.get(name) ?? 0) >= generation;
  }
}
