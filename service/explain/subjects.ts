import type { MetricDocument } from "../../core/config/schema.ts";
import { selects } from "../targets/candidate.ts";
import { scopeOf, type Sources } from "../targets/sources.ts";

/** Something that a metric may select. */
export interface Subject {
  readonly kind: "pod" | "component" | "task";
  /** As its targets are called; "" for what a task supplies without a name. */
  readonly pod: string;
  /** For people, such as `pod cart-0`. */
  readonly title: string;
  /** What the selector is compared with. */
  readonly labels: Readonly<Record<string, string>>;
  /** "" where there are no phases. */
  readonly phase: string;
  /** Addresses at which it may be scraped. */
  readonly hosts: readonly string[];
}

/** Everything that stands in the place where the metric looks for its instances, selected or not. */
export function subjectsOf(metric: MetricDocument, sources: Sources): Subject[] {
  const scope = scopeOf(metric.metadata);
  const discovered = metric.spec.clusterType === "bcs-components"
    ? componentSubjects(metric.metadata.clusterId, sources)
    : podSubjects(scope, sources);
  return [...discovered, ...taskSubjects(scope, sources)];
}

/** A task serves no metric without a selector; any other instance is selected by an empty one. */
export function isSelected(metric: MetricDocument, subject: Subject): boolean {
  const { selector } = metric.spec;
  if (subject.kind === "task" && Object.keys(selector).length === 0) return false;
  return selects(selector, subject.labels);
}

function podSubjects(scope: string, sources: Sources): Subject[] {
  return sources.podsIn(scope).map((pod) => ({
    kind: "pod",
    pod: pod.name,
    title: `pod ${pod.name}`,
    labels: pod.labels,
    phase: pod.phase,
    hosts: [pod.ip, pod.hostIp].filter((host) => host !== ""),
  }));
}

function componentSubjects(clusterId: string, sources: Sources): Subject[] {
  return sources.components
    .filter((one) => one.clusterId === clusterId || one.clusterId === "")
    .map((one) => ({
      kind: "component",
      pod: one.id,
      title: `component ${one.id}`,
      labels: { module: one.module },
      phase: "",
      hosts: [one.ip],
    }));
}

function taskSubjects(scope: string, sources: Sources): Subject[] {
  return sources.suppliedIn(scope).flatMap((task) =>
    task.pods.map((pod) => ({
      kind: "task",
      pod: pod.name,
      title: `${pod.name === "" ? pod.ip : `pod ${pod.name}`} of task ${task.name}`,
      labels: task.selector,
      phase: "",
      hosts: [pod.ip],
    }))
  );
}
