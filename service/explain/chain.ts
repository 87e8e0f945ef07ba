import type { MetricDocument } from "../../core/config/schema.ts";
import { endpointOf } from "../../core/scrape/endpoint.ts";
import type { TargetRow } from "../health/target_rows.ts";
import type { Candidate } from "../targets/candidate.ts";
import { deliveryStep } from "./delivery.ts";
import type { Chain, ExplainView, Step } from "./explanation.ts";
import {
  addressStep,
  assignmentStep,
  collectorStep,
  definitionStep,
  discoveryStep,
  relabelStep,
  scrapeStep,
  selectorStep,
} from "./steps.ts";
import type { Subject } from "./subjects.ts";

/** Where a metric's document is. */
export interface MetricPlace {
  readonly clusterId: string;
  readonly namespace: string;
  readonly name: string;
}

/** One instance as a chain looks at it. */
export interface Instance {
  /** Null when no source tells of it any more, and only an assignment is left. */
  readonly subject: Subject | null;
  /** What the metric makes of it; undefined while it is not selected, or not known. */
  readonly candidate: Candidate | undefined;
  readonly row: TargetRow | undefined;
}

/** Follows one instance from the definition to the delivery, as far as it goes. */
export function chainOf(
  place: MetricPlace,
  metric: MetricDocument | null,
  instance: Instance,
  view: Pick<ExplainView, "files" | "collectors" | "workloads" | "exporters" | "delivery" | "nowMs">,
): Chain {
  const steps: Step[] = [];
  for (const step of stepsOf(place, metric, instance, view)) {
    steps.push(step);
    if (step.ok !== true) break;
  }
  const { candidate, row, subject } = instance;
  const target = candidate !== undefined && "address" in candidate ? candidate : row;
  const address = target?.address ?? "";
  const endpoint = row?.endpoint ?? (target === undefined ? "" : endpointOf(target));
  const pod = subject?.pod ?? row?.pod ?? candidate?.pod ?? "";
  const ok = okOf(steps);
  const title = subject?.title ?? (pod === "" ? endpoint : `pod ${pod}`);
  return {
    cluster: place.clusterId,
    namespace: place.namespace,
    metric: place.name,
    pod,
    address,
    ok,
    verdict: verdictOf(place, title, endpoint, steps),
    steps,
  };
}

/** False when a step does not hold, null when one is not known, else true. */
export function okOf(links: readonly { readonly ok: boolean | null }[]): boolean | null {
  if (links.some(({ ok }) => ok === false)) return false;
  return links.some(({ ok }) => ok === null) ? null : true;
}

function* stepsOf(
  { clusterId, namespace, name }: MetricPlace,
  metric: MetricDocument | null,
  { subject, candidate, row }: Instance,
  view: Pick<ExplainView, "files" | "collectors" | "workloads" | "exporters" | "delivery" | "nowMs">,
): Generator<Step> {
  const path = `${clusterId}/metric/${namespace}/${name}.yaml`;
  const isAssigned = row !== undefined && row.collector !== "";
  yield definitionStep(path, metric, view.files.find((file) => file.path === path), isAssigned);
  if (metric !== null && subject !== null) {
    yield selectorStep(metric, subject);
    yield discoveryStep(subject);
    yield addressStep(candidate);
    const relabelling = relabelStep(metric, candidate);
    if (relabelling !== null) yield relabelling;
  }
  yield assignmentStep(row);
  // A row without an owner has ended the chain already.
  if (row === undefined) return;
  const collector = view.collectors.find((one) =>
    one.cluster === clusterId && one.namespace === namespace && one.name === row.collector
  );
  const own = view.workloads?.filter((one) => one.cluster === clusterId && one.namespace === namespace) ?? [];
  yield collectorStep(row, collector, own.find((one) => row.collector.startsWith(`${one.name}-`)));
  yield scrapeStep(row, view.nowMs);
  if (collector !== undefined) yield deliveryStep(row, collector, view.exporters, view.delivery ?? null);
}

function verdictOf(place: MetricPlace, title: string, endpoint: string, steps: readonly Step[]): string {
  const metric = `metric ${place.clusterId}/${place.namespace}/${place.name}`;
  const [definition] = steps;
  const stop = steps.find((step) => step.ok !== true);
  const last = steps.findLast((step) => step.step === "last scrape");
  const warning = definition?.ok === true && definition.problems !== undefined ? `; but ${definition.detail}` : "";
  const where = endpoint === "" ? title : `${title} at ${endpoint}`;
  if (stop === undefined) return `${where} is scraped for ${metric}: ${last?.detail ?? ""}${warning}.`;
  return `${beginning(stop, where, metric)}: ${stop.detail}${warning}.`;
}

function beginning(stop: Step, where: string, metric: string): string {
  if (stop.step === "last scrape") {
    return stop.ok === false ? `${where} is down for ${metric}` : `${where} has no scrape for ${metric} yet`;
  }
  if (stop.step === "delivery") return `${where} is scraped for ${metric}, but it is not certain that its data arrives`;
  return `${where} is not scraped for ${metric}`;
}
