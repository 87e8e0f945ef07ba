import type { CollectorReports } from "../health/target_rows.ts";
import { instanceName } from "../orchestrator/names.ts";
import type { Workload } from "../orchestrator/orchestrator.ts";
import { keyOf, renderCollection, sharesOf } from "./collections.ts";
import { divide, lingerMsOf } from "./division.ts";
import { type Custody, type HandoverTiming, nextLookMs, scraperAt } from "./handover.ts";
import { NamespacePeers } from "./peers.ts";
import type { ScrapePlan } from "./scrape_plan.ts";
import type { CollectionWrite, NamespacePlan, PlannedTarget, StoredCollection } from "./view.ts";
import type { Balance } from "./workloads.ts";

export interface NamespaceInputs {
  /** As the documents want it. */
  readonly workload: Workload;
  readonly plans: readonly ScrapePlan[];
  /** The namespace's collection files. */
  readonly present: readonly StoredCollection[];
  /** What was planned last for the namespace. */
  readonly previous: NamespacePlan | undefined;
  /** The highest that the namespace is known to have had. */
  readonly lastGeneration: number;
  readonly reports: CollectorReports;
  readonly balance: Balance;
  readonly timing: HandoverTiming;
  readonly nowMs: number;
}

export interface NamespaceOutcome {
  readonly plan: NamespacePlan;
  /** The workload for now: collectors that are to go stay until they have handed over what they have. */
  readonly workload: Workload;
  readonly writes: readonly CollectionWrite[];
  /** Paths of the collections that the namespace is to have. */
  readonly paths: readonly string[];
  /** Unix milliseconds when to look again even if nothing changes; Infinity for never. */
  readonly nextLookMs: number;
}

/**
 * Divides a namespace's targets over the instances of its workload and renders the collections that differ from
 * what is stored. Those that change share a new generation, one above every generation that the namespace has had.
 */
export function planNamespace(inputs: NamespaceInputs): NamespaceOutcome {
  const { plans, present, previous, lastGeneration, reports, timing, nowMs } = inputs;
  const { clusterId, namespace, name: workloadName, replicas } = inputs.workload;
  const wanted = Array.from({ length: replicas }, (_, ordinal) => instanceName(workloadName, ordinal));
  const leaving = siblingsIn(present, workloadName).filter(({ ordinal }) => ordinal >= replicas);
  const peers = new NamespacePeers({
    clusterId,
    namespace,
    names: [...wanted, ...leaving.map(({ name }) => name)],
    present,
    reports,
    remembered: previous?.memory?.peers ?? new Map(),
    moments: previous?.memory?.moments ?? new Map(),
    nowMs,
  });
  const newMomentMs = Math.ceil(nowMs + timing.delayMs);
  const { custodies, balance, nextLookMs: balanceLookMs } = divide(inputs, wanted, peers, newMomentMs);
  const shares = sharesOf(plans, custodies);
  const stayed = leaving.filter(({ name }) => shares.has(name)).map(({ ordinal }) => ordinal + 1);
  const workload = { ...inputs.workload, replicas: Math.max(replicas, ...stayed) };
  const stored = new Map(present.map((collection) => [collection.name, collection]));
  const highest = Math.max(lastGeneration, ...present.map((one) => one.document?.spec.generation ?? 0));
  const rendered = Array.from({ length: workload.replicas }, (_, ordinal) => {
    const name = instanceName(workloadName, ordinal);
    return renderCollection(workload, name, shares.get(name) ?? [], stored.get(name), highest + 1);
  });
  const generations = new Map(rendered.map((one) => [one.name, one.generation]));
  const underWay = plans.flatMap((plan) => handoversOf(plan, custodies));
  const looks = underWay.map(({ handover, lingerMs }) => nextLookMs(handover, nowMs, lingerMs, timing));
  const moments = new Map(underWay.flatMap(({ handover: { atMs } }) => {
    const generation = atMs === newMomentMs ? highest + 1 : previous?.memory?.moments.get(atMs);
    return generation === undefined ? [] : [[atMs, generation] as const];
  }));
  return {
    plan: {
      clusterId,
      namespace,
      generation: Math.max(highest, ...generations.values()),
      targets: plannedTargets(plans, custodies, generations, nowMs),
      memory: { peers: peers.memory, moments, balance },
    },
    workload,
    // Should the service end in between, a target had rather be in two collections than in none.
    writes: rendered.toSorted((a, b) => b.gained - a.gained).flatMap((one) => one.write ?? []),
    paths: rendered.map((one) => one.path),
    nextLookMs: looks.reduce((first, look) => Math.min(first, look), Math.min(balanceLookMs, peers.nextLookMs())),
  };
}

/** The collections of the workload's instances, with their ordinals. */
function siblingsIn(present: readonly StoredCollection[], workloadName: string) {
  return present.flatMap(({ name }) => {
    const ordinal = Number(/-([0-9]{1,3})$/.exec(name)?.[1] ?? NaN);
    return instanceName(workloadName, ordinal) === name ? [{ name, ordinal }] : [];
  });
}

function handoversOf(plan: ScrapePlan, custodies: ReadonlyMap<string, Custody>) {
  const lingerMs = lingerMsOf(plan);
  return plan.targets.flatMap(({ address }) => {
    const handover = custodies.get(keyOf(plan.settings.name, address))?.handover ?? null;
    return handover === null ? [] : [{ handover, lingerMs }];
  });
}

function plannedTargets(
  plans: readonly ScrapePlan[],
  custodies: ReadonlyMap<string, Custody>,
  generations: ReadonlyMap<string, number>,
  nowMs: number,
): PlannedTarget[] {
  return plans.flatMap(({ settings: { name: metric }, targets, unresolved }) => [
    ...targets.map((target): PlannedTarget => {
      const custody = custodies.get(keyOf(metric, target.address));
      if (custody === undefined) {
        const { address, pod } = target;
        return { metric, address, pod, reason: "the namespace's collector workload has 0 replicas" };
      }
      const collector = scraperAt(custody, nowMs);
      const { owner, handover } = custody;
      const movesTo = handover !== null && collector !== owner
        ? { movesTo: { collector: owner, atMs: handover.atMs } }
        : {};
      return { ...target, metric, collector, generation: generations.get(collector) ?? 0, ...movesTo };
    }),
    ...unresolved.map((one) => ({ ...one, metric })),
  ]);
}
