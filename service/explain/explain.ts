import { closest } from "../../core/config/suggest.ts";
import { endpointOf } from "../../core/scrape/endpoint.ts";
import type { TargetRow } from "../health/target_rows.ts";
import { chainOf, type Instance, okOf } from "./chain.ts";
import {
  type Chain,
  chainsMax,
  type ExplainQuery,
  type ExplainView,
  type Explanation,
  type NearMiss,
  nearMissesMax,
} from "./explanation.ts";
import { instancesOf, isAt } from "./instances.ts";
import { misplacedPods, nearMissesOf } from "./near_misses.ts";
import { isWithin, type KnownMetric, metricsWithin, placeText } from "./places.ts";
import { type Subject, subjectsOf } from "./subjects.ts";

/**
 * Explains why something is scraped or not: follows each instance that the query names from the metric's definition
 * to the delivery of its data, and tells the step that does not hold. Where no instance is selected it tells what
 * almost is. It looks at nothing but `view`.
 */
export function explain(query: ExplainQuery, view: ExplainView): Explanation {
  const within = metricsWithin(query, view);
  const asked = within.filter(({ place }) => query.metric === undefined || place.name === query.metric);
  return withUnread(explainWithin(query, within, view), asked, view);
}

function explainWithin(query: ExplainQuery, within: readonly KnownMetric[], view: ExplainView): Explanation {
  if (query.metric !== undefined) return explainMetric(query.metric, within, view);
  if (query.target !== undefined) return explainTarget(query.target, within, view);
  return explainPod(query.pod ?? "", query, within, view);
}

/** Of a cluster that has not been read nobody can tell what there is; what was assigned goes on. */
function withUnread(explanation: Explanation, asked: readonly KnownMetric[], { sources }: ExplainView): Explanation {
  const { chains, ok, verdict } = explanation;
  const concerned = chains.length > 0
    ? chains.map(({ cluster }) => cluster)
    : asked.map(({ place }) => place.clusterId);
  const reasons = [...new Set(concerned)].map((cluster) => sources.problemOf(cluster)).filter((reason) =>
    reason !== ""
  );
  const untold = reasons.filter((reason) => !verdict.includes(reason));
  if (untold.length === 0) return explanation;
  const sentences = untold.map((reason) => ` But ${reason}: its namespaces stay as they are.`);
  return { ...explanation, ok: chains.length === 0 ? null : ok, verdict: verdict + sentences.join("") };
}

/** An instance that the query is about, with its metric. */
interface Found {
  readonly metric: KnownMetric;
  readonly instance: Instance;
}

function explainMetric(name: string, within: readonly KnownMetric[], view: ExplainView): Explanation {
  const metrics = within.filter(({ place }) => place.name === name);
  if (metrics.length === 0) {
    const near = closest(name, within.map(({ place }) => place.name));
    return unknown(`no metric is called ${name}${near === null ? "" : `; did you mean ${near}?`}`);
  }
  const subjects = subjectCache(view);
  const found = metrics.flatMap((metric) =>
    instancesOf(metric.document, subjects(metric), view.sources, metric.rows).map((instance) => ({ metric, instance }))
  );
  const misses = metrics.flatMap((metric) => missesOf(metric, subjects(metric), view, found));
  // A metric without any instance has a chain too: it ends at the definition or the selector.
  const empty = metrics.filter((metric) => !found.some((one) => one.metric === metric));
  const ends = empty.map((metric) => emptyChain(metric, misses, view));
  const { chains, chainsOmitted } = chainsOf(found, view);
  const summaries = metrics.map((metric) => summaryOf(metric, found, [...ends, ...chains]));
  const all = [...ends, ...chains].slice(0, chainsMax);
  return answer(summaries.slice(0, chainsMax).join(" "), all, chainsOmitted, misses);
}

function explainTarget(address: string, within: readonly KnownMetric[], view: ExplainView): Explanation {
  const subjects = subjectCache(view);
  const named = within.filter(({ rows }) => rows.some((row) => isOf(address, row)));
  const found = named.flatMap((metric) =>
    instancesOf(metric.document, subjects(metric), view.sources, metric.rows)
      .filter(({ candidate, row }) => (row !== undefined && isOf(address, row)) || isFor(address, candidate))
      .map((instance) => ({ metric, instance }))
  );
  if (found.length > 0) return explainFound(found, view);
  const there = within.flatMap((metric) =>
    subjects(metric).filter((subject) => isAt(address, subject)).map((subject) => ({ metric, subject }))
  );
  const [first] = there;
  if (first === undefined) return unknown(`no source knows an instance at ${address}`);
  const missed = there.flatMap(({ metric, subject }) => missedInstance(address, metric, subject, view));
  if (missed.length > 0) return explainFound(missed, view);
  return explainUnselected(first.subject, there, `${first.subject.title} is at ${address}, but `);
}

/** An instance with the host of the address that is asked for, and another port. */
function missedInstance(address: string, metric: KnownMetric, subject: Subject, view: ExplainView): Found[] {
  return instancesOf(metric.document, [subject], view.sources, metric.rows)
    .filter((instance) => instance.subject !== null)
    .map((instance) => {
      const { candidate } = instance;
      if (candidate === undefined || "reason" in candidate || candidate.address === address) {
        return { metric, instance };
      }
      const reason = `its target is ${candidate.address}, not ${address}`;
      return { metric, instance: { ...instance, candidate: { pod: subject.pod, reason } } };
    });
}

function explainPod(
  pod: string,
  query: ExplainQuery,
  within: readonly KnownMetric[],
  view: ExplainView,
): Explanation {
  const subjects = subjectCache(view, (subject) => subject.pod === pod);
  const found = within.flatMap((metric) =>
    instancesOf(metric.document, subjects(metric), view.sources, metric.rows.filter((row) => row.pod === pod))
      .map((instance) => ({ metric, instance }))
  );
  if (found.length > 0) return explainFound(found, view);
  const there = within.flatMap((metric) => subjects(metric).map((subject) => ({ metric, subject })));
  const [first] = there;
  if (first !== undefined) return explainUnselected(first.subject, there, "");
  const pods = [...view.sources.pods].filter((one) => isWithin(query, one));
  const alone = pods.find((one) => one.name === pod);
  if (alone !== undefined) {
    return unknown(`pod ${pod} is in ${alone.clusterId}/${alone.namespace}, which has no metric`);
  }
  const near = closest(pod, pods.map(({ name }) => name));
  return unknown(`no source knows a pod ${pod}${near === null ? "" : `; did you mean ${near}?`}`);
}

function explainFound(found: readonly Found[], view: ExplainView): Explanation {
  const { chains, chainsOmitted } = chainsOf(found, view);
  const verdict = chains.map((chain) => chain.verdict).join(" ");
  return answer(verdict, chains, chainsOmitted, []);
}

/** There is an instance, and no metric selects it. */
function explainUnselected(
  subject: Subject,
  there: readonly { readonly metric: KnownMetric; readonly subject: Subject }[],
  prefix: string,
): Explanation {
  const misses = there.flatMap(({ metric, subject: one }) =>
    metric.document === null ? [] : nearMissesOf(metric.document, [one])
  );
  const [nearest] = misses;
  const labels = Object.entries(subject.labels).map(([label, value]) => `${label}=${value}`).join(", ");
  const hint = nearest === undefined
    ? `; its labels are ${labels === "" ? "none" : labels}`
    : `; the nearest is ${nearest.metric}: ${nearest.reason}`;
  return answer(`${prefix}no metric selects ${subject.title}${hint}.`, [], 0, misses, false);
}

/** The chains of the worst instances. Only those are built: a metric may have tens of thousands. */
function chainsOf(found: readonly Found[], view: ExplainView): { chains: Chain[]; chainsOmitted: number } {
  const worst = found.toSorted((a, b) => rank(a.instance) - rank(b.instance)).slice(0, chainsMax);
  const chains = worst.map(({ metric, instance }) => chainOf(metric.place, metric.document, instance, view));
  return { chains, chainsOmitted: found.length - chains.length };
}

function rank({ candidate, row }: Instance): number {
  if (candidate !== undefined && "reason" in candidate) return 0;
  if (row === undefined) return 2;
  return row.health === "down" ? 1 : row.health === "up" ? 3 : 2;
}

function summaryOf({ place, document }: KnownMetric, found: readonly Found[], chains: readonly Chain[]): string {
  const own = chains.filter((chain) =>
    placeText({ clusterId: chain.cluster, namespace: chain.namespace, name: chain.metric }) === placeText(place)
  );
  const instances = found.filter(({ metric }) => metric.place === place).map(({ instance }) => instance);
  const [worst] = own;
  if (instances.length === 0 || worst === undefined) return worst?.verdict ?? "";
  const up = instances.filter(({ row }) => row?.health === "up").length;
  const counts = `metric ${placeText(place)} ${document === null ? "has" : "selects"} ${instances.length} `
    + `${instances.length === 1 ? "instance" : "instances"}, ${up} of them up.`;
  return worst.ok === true ? counts : `${counts} ${worst.verdict}`;
}

function emptyChain(metric: KnownMetric, misses: readonly NearMiss[], view: ExplainView): Chain {
  const instance = { subject: null, candidate: undefined, row: undefined };
  const { place, document } = metric;
  const chain = chainOf(place, document, instance, view);
  const name = `metric ${placeText(place)}`;
  const [definition] = chain.steps;
  if (document === null || definition === undefined) {
    return { ...chain, verdict: `${name} is not in force: ${definition?.detail ?? ""}.` };
  }
  const unread = view.sources.problemOf(place.clusterId);
  if (unread !== "") {
    const steps = [definition, { step: "discovery", ok: null, detail: unread } as const];
    return { ...chain, steps, ok: null, verdict: `what ${name} selects is not known: ${unread}.` };
  }
  const pairs = Object.entries(document.spec.selector).map(([label, value]) => `${label}=${value}`);
  const wanted = pairs.length === 0 ? "its namespace has no instances" : `no instance has ${pairs.join(", ")}`;
  const nearest = misses.find((miss) => miss.metric === place.name && miss.namespace === place.namespace);
  const hint = nearest === undefined ? "" : `; the nearest is ${nearest.pod}: ${nearest.reason}`;
  const detail = `${wanted}${hint}`;
  const steps = [definition, { step: "selector", ok: false, detail } as const];
  return { ...chain, steps, ok: false, verdict: `${name} has nothing to scrape: ${detail}.` };
}

function missesOf(
  metric: KnownMetric,
  subjects: readonly Subject[],
  view: ExplainView,
  found: readonly Found[],
): NearMiss[] {
  const { document } = metric;
  if (document === null) return [];
  const near = nearMissesOf(document, subjects);
  return found.some((one) => one.metric === metric) ? near : [...misplacedPods(document, view.sources), ...near];
}

/** The subjects of each metric; those of one namespace are gathered once. */
function subjectCache(view: ExplainView, keep: (subject: Subject) => boolean = () => true) {
  const known = new Map<string, readonly Subject[]>();
  return ({ document }: KnownMetric): readonly Subject[] => {
    if (document === null) return [];
    const { metadata, spec } = document;
    const key = `${metadata.clusterId}/${metadata.namespace}/${String(spec.clusterType === "bcs-components")}`;
    const subjects = known.get(key) ?? subjectsOf(document, view.sources).filter(keep);
    known.set(key, subjects);
    return subjects;
  };
}

function isFor(address: string, candidate: Instance["candidate"]): boolean {
  return candidate !== undefined && "address" in candidate
    && [candidate.address, endpointOf(candidate)].includes(address);
}

/** By its address, which it may share with others, or by its endpoint. */
function isOf(address: string, row: TargetRow): boolean {
  return row.address === address || row.endpoint === address;
}

function unknown(reason: string): Explanation {
  return answer(`${reason}${reason.endsWith("?") ? "" : "."}`, [], 0, [], false);
}

function answer(
  verdict: string,
  chains: readonly Chain[],
  chainsOmitted: number,
  misses: readonly NearMiss[],
  ok: boolean | null = okOf(chains),
): Explanation {
  const nearMisses = misses.slice(0, nearMissesMax);
  return { ok, verdict, chains, chainsOmitted, nearMisses, nearMissesOmitted: misses.length - nearMisses.length };
}
