import type { CollectorReports } from "../health/target_rows.ts";
import { instanceName } from "../orchestrator/names.ts";
import type { Workload } from "../orchestrator/workload.ts";
import type { WorkloadRule } from "../workloads/wish.ts";
import { additionsIn, keyOf, placeOf, renderCollection, sharesOf } from "./collections.ts";
import { divide, lingerMsOf } from "./division.ts";
import { type Custody, type HandoverTiming, nextLookMs, scraperAt } from "./handover.ts";
import { NamespacePeers } from "./peers.ts";
import type { ScrapePlan } from "./scrape_plan.ts";
import type { CollectionWrite, NamespacePlan, PlannedTarget, RecordWrite, StoredCollection } from "./view.ts";
import { type Balance, formerWorkload } from "./workloads.ts";

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
  /**
   * The workload for now, and those of former names: collectors that are to go stay until they have handed over what
   * they have.
   */
  readonly workloads: readonly Workload[];
  readonly writes: readonly CollectionWrite[];
  /** Paths of the collections that the namespace is to have. */
  readonly paths: readonly string[];
  /** Unix milliseconds when to look again even if nothing changes; Infinity for never. */
  readonly nextLookMs: number;
}

/** The same with how the workloads are to be treated, by path, and what is to be remembered of the first of them. */
export interface ScopeOutcome extends NamespaceOutcome {
  readonly rules: readonly (readonly [path: string, rule: WorkloadRule])[];
  readonly record: RecordWrite | null;
}

/**
 * Divides a namespace's targets over the instances of its workload and renders the collections that differ from
 * what is stored. Those that change share a new generation, one above every generation that the namespace has had.
 */
export function planNamespace(inputs: NamespaceInputs): NamespaceOutcome {
  const { plans, present, previous, lastGeneration, reports, timing, nowMs } = inputs;
  const { clusterId, namespace, name: workloadName, replicas } = inputs.workload;
  const wanted = Array.from({ length: replicas }, (_, ordinal) => instanceName(workloadName, ordinal));
  const leaving = instancesIn(present, workloadName).filter(({ name }) => !wanted.includes(name));
  const known = previous?.memory?.moments ?? new Map<number, number>();
  const peers = new NamespacePeers({
    clusterId,
    namespace,
    names: [...wanted, ...leaving.map(({ name }) => name)],
    leaving: new Set(leaving.map(({ name }) => name)),
    present,
    reports,
    remembered: previous?.memory?.peers ?? new Map(),
    moments: known,
    nowMs,
  });
  const newMomentMs = freeMoment(Math.ceil(nowMs + timing.delayMs), known);
  const { custodies, added, balance, nextLookMs: balanceLookMs } = divide(inputs, wanted, peers, newMomentMs);
  const highest = Math.max(
    lastGeneration,
    ...present.map((one) => one.document?.spec.generation ?? 0),
    ...peers.statuses.map(({ generation }) => generation),
  );
  const additions = additionsIn(present);
  for (const key of added) additions.set(placeOf(custodies.get(key)?.owner ?? "", key), highest + 1);
  const shares = sharesOf(plans, custodies, additions);
  const workloads = workloadsFor(inputs.workload, leaving.filter(({ name }) => shares.has(name)));
  const stored = new Map(present.map((collection) => [collection.name, collection]));
  const names = workloads.flatMap(({ name, replicas: count }) =>
    Array.from({ length: count }, (_, ordinal) => instanceName(name, ordinal))
  );
  const rendered = names.map((name) =>
    renderCollection(
      inputs.workload,
      name,
      shares.get(name) ?? [],
      stored.get(name),
      peers.appliedGeneration(name),
      highest + 1,
    )
  );
  const generations = new Map(rendered.map((one) => [one.name, one.generation]));
  const underWay = plans.flatMap((plan) => handoversOf(plan, custodies));
  const looks = underWay.map(({ handover, lingerMs }) => nextLookMs(handover, nowMs, lingerMs, timing));
  const givers = new Set(underWay.flatMap(({ handover: { from, atMs } }) => atMs === newMomentMs ? from : []));
  const moments = new Map(underWay.flatMap(({ handover: { atMs } }) => {
    const generation = atMs === newMomentMs ? highest + 1 : known.get(atMs);
    return generation === undefined ? [] : [[atMs, generation] as const];
  }));
  return {
    plan: {
      clusterId,
      namespace,
      generation: Math.max(highest, ...generations.values()),
      targets: plannedTargets(plans, custodies, generations, nowMs),
      givenUp: peers.givenUp,
      memory: { peers: peers.memory, moments, balance },
    },
    workloads,
    // Should the service end in between, a target had rather be in two collections than in none.
    writes: rendered.toSorted((a, b) => Number(givers.has(a.name)) - Number(givers.has(b.name)) || b.gained - a.gained)
      .flatMap((one) => one.write ?? []),
    paths: rendered.map((one) => one.path),
    nextLookMs: looks.reduce((first, look) => Math.min(first, look), Math.min(balanceLookMs, peers.nextLookMs())),
  };
}

/** Each moment was brought by one generation: handovers that begin at different times have different moments. */
function freeMoment(atMs: number, known: ReadonlyMap<number, number>): number {
  let free = atMs;
  while (known.has(free)) free += 1;
  return free;
}

interface Instance {
  readonly name: string;
  readonly workload: string;
  readonly ordinal: number;
}

/** The instances whose collections there are: of the workload, and of workloads of former names. */
function instancesIn(present: readonly StoredCollection[], workloadName: string): Instance[] {
  return present.flatMap(({ name }) => {
    const [, stem = "", digits] = /^(.+)-([0-9]{1,3})$/.exec(name) ?? [];
    const ordinal = Number(digits ?? NaN);
    const workload = [workloadName, stem].find((candidate) => instanceName(candidate, ordinal) === name);
    return workload === undefined ? [] : [{ name, workload, ordinal }];
  });
}

/** The workload, and those of former names, so large that the collectors that are to stay for now do. */
function workloadsFor(workload: Workload, staying: readonly Instance[]): Workload[] {
  const needed = Map.groupBy(staying, (instance) => instance.workload);
  const replicasOf = (name: string) => Math.max(0, ...(needed.get(name) ?? []).map(({ ordinal }) => ordinal + 1));
  const former = [...needed.keys()].filter((name) => name !== workload.name).toSorted();
  return [
    { ...workload, replicas: Math.max(workload.replicas, replicasOf(workload.name)) },
    ...former.map((name) => formerWorkload(workload, name, replicasOf(name))),
  ];
}

function handoversOf(plan: ScrapePlan, custodies: ReadonlyMap<string, Custody>) {
  const lingerMs = lingerMsOf(plan);
  return plan.targets.flatMap((target) => {
    const handover = custodies.get(keyOf(plan.settings.name, target))?.handover ?? null;
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
      const custody = custodies.get(keyOf(metric, target));
      if (custody === undefined) {
        const { labels: _labels, ...where } = target;
        return { ...where, metric, reason: "the namespace's collector workload has 0 replicas" };
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
