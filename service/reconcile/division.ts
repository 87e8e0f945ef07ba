import { timeoutSeconds } from "../../core/config/schema.ts";
import { assign } from "../assign/assign.ts";
import { balanceByCost, type BalanceMemory, emptyBalanceMemory } from "./balance.ts";
import { holdingsIn, keyOf } from "./collections.ts";
import { type Custody, custodyOf } from "./handover.ts";
import type { NamespaceInputs } from "./namespace.ts";
import type { NamespacePeers } from "./peers.ts";
import type { ScrapePlan } from "./scrape_plan.ts";

export interface Division {
  /** By target; one that nobody is to have is not in it. */
  readonly custodies: ReadonlyMap<string, Custody>;
  /** Those of them that nobody had before, as far as is known. */
  readonly added: readonly string[];
  readonly balance: BalanceMemory;
  /** Unix milliseconds when targets may have to move though nothing else changes; Infinity for never. */
  readonly nextLookMs: number;
}

/**
 * Who is to have each target now: as a balanced assignment wants it, as far as the collectors are ready for it.
 *
 * @param wanted the collectors that the namespace is to have.
 * @param newMomentMs the moment of handovers that begin now.
 */
export function divide(
  inputs: NamespaceInputs,
  wanted: readonly string[],
  peers: NamespacePeers,
  newMomentMs: number,
): Division {
  const before = custodiesOf(inputs, peers);
  const hopeful = wanted.filter((name) => peers.isEligible(name));
  const eligible = hopeful.length > 0 ? hopeful : wanted;
  const { held, balance, nextLookMs } = balanced(inputs, eligible, before, peers);
  const custodies = new Map<string, Custody>();
  const homeless: string[] = [];
  for (const [collector, own] of held) {
    for (const key of own) {
      const custody = nextCustody(before.get(key), collector, peers, newMomentMs);
      custodies.set(key, custody);
      if (custody.owner !== before.get(key)?.owner && custody.handover === null) homeless.push(key);
    }
  }
  const ready = eligible.filter((name) => peers.hasConfirmed(name));
  reroute(custodies, ready, peers, newMomentMs);
  postponeExchanges(custodies, before, newMomentMs);
  // What nobody scrapes does not wait for a collector that may never start; it moves there when that is alive.
  const alive = eligible.filter((name) => peers.isAlive(name));
  const waiting = alive.length === 0 ? [] : homeless.filter((key) => !peers.isAlive(custodies.get(key)?.owner ?? ""));
  for (const [owner, own] of assign(waiting, alive, new Map())) {
    for (const key of own) custodies.set(key, { owner, handover: null });
  }
  const added = [...custodies.keys()].filter((key) => !before.has(key));
  return { custodies, added, balance, nextLookMs };
}

/** What a collector has that was to be gone long ago no longer waits for one that does not confirm. */
function reroute(
  custodies: Map<string, Custody>,
  ready: readonly string[],
  peers: NamespacePeers,
  atMs: number,
): void {
  const stuck = [...custodies].flatMap(([key, { owner, handover }]) =>
    handover === null && peers.isOverdue(owner) && peers.hasConfirmed(owner) ? [[key, owner] as const] : []
  );
  const owners = new Map(stuck);
  for (const [to, own] of assign([...owners.keys()], ready, new Map())) {
    for (const key of own) custodies.set(key, { owner: to, handover: { from: owners.get(key) ?? "", to, atMs } });
  }
}

/**
 * Who gets targets from `atMs` on gives none away at that moment: the order of the writes could not be right for both.
 * What does not fit to the moves before it waits for the next reconciliation.
 */
function postponeExchanges(custodies: Map<string, Custody>, before: ReadonlyMap<string, Custody>, atMs: number): void {
  const [givers, takers] = [new Set<string>(), new Set<string>()];
  for (const [key, { handover }] of custodies) {
    const former = before.get(key);
    if (handover?.atMs !== atMs || former === undefined) continue;
    if (takers.has(handover.from) || givers.has(handover.to)) {
      custodies.set(key, former);
      continue;
    }
    givers.add(handover.from);
    takers.add(handover.to);
  }
}

/** A balanced assignment, by count or by cost. */
function balanced(
  { plans, previous, balance, nowMs }: NamespaceInputs,
  collectors: readonly string[],
  before: ReadonlyMap<string, Custody>,
  peers: NamespacePeers,
) {
  const owners = new Map([...before].map(([key, { owner }]) => [key, owner]));
  const frequencies = new Map(
    plans.flatMap(({ settings, targets }) =>
      targets.map((target) => [keyOf(settings.name, target), settings.frequency] as const)
    ),
  );
  if (balance === "count") {
    const held = assign([...frequencies.keys()], collectors, owners);
    return { held, balance: emptyBalanceMemory, nextLookMs: Infinity };
  }
  const memory = previous?.memory?.balance ?? emptyBalanceMemory;
  const outcome = balanceByCost({ collectors, frequencies, owners, statuses: peers.statuses, memory, nowMs });
  return { held: outcome.held, balance: outcome.memory, nextLookMs: outcome.nextLookMs };
}

/** Who has each target that there still is; one that nobody has is not in it. */
function custodiesOf(inputs: NamespaceInputs, peers: NamespacePeers): Map<string, Custody> {
  const { plans, present, previous, nowMs, timing } = inputs;
  const lastOwners = new Map<string, string>();
  for (const target of previous?.targets ?? []) {
    if ("collector" in target) lastOwners.set(keyOf(target.metric, target), target.collector);
  }
  const holdings = holdingsIn(present);
  const custodies = new Map<string, Custody>();
  for (const plan of plans) {
    const lingerMs = lingerMsOf(plan);
    for (const target of plan.targets) {
      const key = keyOf(plan.settings.name, target);
      const held = holdings.get(key);
      // A file may have been changed or removed by somebody; then the last plan tells.
      const last = lastOwners.get(key);
      if (held !== undefined) custodies.set(key, custodyOf(held, peers, nowMs, lingerMs, timing));
      else if (last !== undefined) custodies.set(key, { owner: last, handover: null });
    }
  }
  return custodies;
}

/** A scrape may wait for a place and take as long as its timeout after the moment at which it was due. */
export function lingerMsOf({ settings }: ScrapePlan): number {
  return timeoutSeconds(settings) * 1000 + 2000;
}

function nextCustody(before: Custody | undefined, wanted: string, peers: NamespacePeers, atMs: number): Custody {
  const atOnce = { owner: wanted, handover: null };
  if (before === undefined) return atOnce;
  // A handover under way comes to its end first.
  if (before.handover !== null || before.owner === wanted) return before;
  if (!peers.mayScrape(before.owner)) return atOnce;
  if (!peers.hasConfirmed(before.owner) || !peers.hasConfirmed(wanted)) return before;
  return { owner: wanted, handover: { from: before.owner, to: wanted, atMs } };
}
