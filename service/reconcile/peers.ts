import type { CollectorStatus } from "../../core/registry/status.ts";
import type { CollectorReports } from "../health/target_rows.ts";
import type { Peers } from "./handover.ts";
import type { StoredCollection } from "./view.ts";

/** A collector that was never seen alive is waited for so long: about the lease of one that was. */
export const startGraceMs = 15_000;

/**
 * So long a collector that is to go may stay, alive, without confirming what it is told. Then its targets move as a dead
 * one's do, and it is stopped. Likewise, after so long its targets no longer wait for a taker that does not confirm.
 */
export const leavingPatienceMs = 60_000;

/** What a reconciliation remembers of a collector. */
export interface PeerMemory {
  readonly wasAlive: boolean;
  /** Unix milliseconds since when it is waited for, if it was never alive. */
  readonly sinceMs: number;
  /** Unix milliseconds since when it is to go, and has not confirmed its collection; null while that is not so. */
  readonly leavingSinceMs: number | null;
  readonly unconfirmedSinceMs: number | null;
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
  /** Those of them that are to go. */
  readonly leaving: ReadonlySet<string>;
  readonly present: readonly StoredCollection[];
  readonly reports: CollectorReports;
  /** As {@link NamespacePeers.memory} was after the last reconciliation. */
  readonly remembered: ReadonlyMap<string, PeerMemory>;
  /** The generations that brought the moments of the handovers under way, as far as they are remembered. */
  readonly moments: ReadonlyMap<number, number>;
  readonly nowMs: number;
}

const unknownPeer: PeerMemory = { wasAlive: false, sinceMs: NaN, leavingSinceMs: null, unconfirmedSinceMs: null };

/** The collectors of a namespace as a reconciliation sees them. */
export class NamespacePeers implements Peers {
  readonly memory: ReadonlyMap<string, PeerMemory>;
  /** What they told last. */
  readonly statuses: readonly CollectorStatus[];
  readonly #states = new Map<string, PeerState>();
  readonly #applied: ReadonlyMap<string, number>;
  readonly #stored: ReadonlyMap<string, number>;
  readonly #moments: ReadonlyMap<number, number>;
  readonly #givenUp = new Set<string>();
  readonly #nowMs: number;

  constructor(inputs: PeersInputs) {
    const { clusterId, namespace, names, leaving, present, reports, remembered, moments, nowMs } = inputs;
    this.#nowMs = nowMs;
    this.#moments = moments;
    this.statuses = names.flatMap((name) => reports.statusOf(clusterId, namespace, name) ?? []);
    this.#applied = new Map(this.statuses.map(({ collector, generation }) => [collector, generation]));
    this.#stored = new Map(
      present.flatMap(({ name, document }) => document === null ? [] : [[name, document.spec.generation] as const]),
    );
    const memory = new Map<string, PeerMemory>();
    for (const name of names) {
      const alive = reports.isAlive(clusterId, namespace, name);
      const before = remembered.get(name) ?? { ...unknownPeer, sinceMs: nowMs };
      const hopeful = !before.wasAlive && nowMs < before.sinceMs + startGraceMs;
      this.#states.set(name, alive ? "alive" : hopeful ? "starting" : "dead");
      const now: PeerMemory = {
        ...before,
        wasAlive: before.wasAlive || alive,
        leavingSinceMs: leaving.has(name) ? before.leavingSinceMs ?? nowMs : null,
        unconfirmedSinceMs: alive && !this.hasConfirmed(name) ? before.unconfirmedSinceMs ?? nowMs : null,
      };
      memory.set(name, now);
      if (nowMs >= givenUpAtMs(now)) this.#givenUp.add(name);
    }
    for (const name of this.#givenUp) this.#states.set(name, "dead");
    this.memory = memory;
  }

  /** Collectors that were to go, and did not confirm for too long. */
  get givenUp(): readonly string[] {
    return [...this.#givenUp];
  }

  /** The generation that the collector says it has in force; 0 when it says nothing. */
  appliedGeneration(name: string): number {
    return this.#applied.get(name) ?? 0;
  }

  /** Whether the collector was to be gone long ago. */
  isOverdue(name: string): boolean {
    return this.#nowMs >= (this.memory.get(name)?.leavingSinceMs ?? Infinity) + leavingPatienceMs;
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

  /** When hope for one that has not started ends, or the patience with one that is to go; Infinity for never. */
  nextLookMs(): number {
    const looks = [...this.memory].flatMap(([name, peer]) => {
      const starts = this.#states.get(name) === "starting" ? peer.sinceMs + startGraceMs : Infinity;
      return [starts, givenUpAtMs(peer), (peer.leavingSinceMs ?? Infinity) + leavingPatienceMs];
    });
    return Math.min(...looks.filter((look) => look > this.#nowMs));
  }

  #hasApplied(name: string, generation: number | undefined): boolean {
    return this.isAlive(name) && generation !== undefined && (this.#applied.get(name) ?? 0) >= generation;
  }
}

function givenUpAtMs({ leavingSinceMs, unconfirmedSinceMs }: PeerMemory): number {
  return Math.max(leavingSinceMs ?? Infinity, unconfirmedSinceMs ?? Infinity) + leavingPatienceMs;
}
