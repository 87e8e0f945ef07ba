import type { MetricDocument } from "../../core/config/schema.ts";
import { closest } from "../../core/config/suggest.ts";
import type { Sources } from "../targets/sources.ts";
import type { NearMiss } from "./explanation.ts";
import { isSelected, type Subject } from "./subjects.ts";

/** One pair of a selector that an instance does not have. */
interface Mismatch {
  readonly label: string;
  readonly wanted: string;
  /** Undefined when the instance has no such label. */
  readonly found: string | undefined;
  /** A label whose name is almost the one that is wanted. */
  readonly similar: string | null;
}

/** Why an instance is not selected, in words; "" when it is. */
export function mismatchReason(metric: MetricDocument, subject: Subject): string {
  if (isSelected(metric, subject)) return "";
  const mismatches = mismatchesOf(metric.spec.selector, subject.labels);
  if (mismatches.length === 0) return "the metric has no selector, and tasks serve none without";
  return mismatches.map(reasonOf).join("; ");
}

/** The instances that a metric does not select but almost does, the nearest first. */
export function nearMissesOf(metric: MetricDocument, subjects: readonly Subject[]): NearMiss[] {
  return subjects
    .filter((subject) => !isSelected(metric, subject))
    .map((subject) => ({ subject, mismatches: mismatchesOf(metric.spec.selector, subject.labels) }))
    .filter(({ mismatches }) => isNear(metric, mismatches))
    .toSorted((a, b) => distance(a.mismatches) - distance(b.mismatches))
    .map(({ subject }) => missOf(metric, subject.pod, mismatchReason(metric, subject)));
}

/** Pods which the metric would select if they were in its namespace. */
export function misplacedPods(metric: MetricDocument, sources: Sources): NearMiss[] {
  const { clusterId, namespace } = metric.metadata;
  const { selector, clusterType } = metric.spec;
  if (clusterType === "bcs-components" || Object.keys(selector).length === 0) return [];
  return [...sources.pods]
    .filter((pod) => pod.clusterId === clusterId && pod.namespace !== namespace)
    .filter((pod) => mismatchesOf(selector, pod.labels).length === 0)
    .map((pod) => missOf(metric, pod.name, `pod is in namespace ${pod.namespace}, the metric in ${namespace}`));
}

function missOf({ metadata }: MetricDocument, pod: string, reason: string): NearMiss {
  return { cluster: metadata.clusterId, namespace: metadata.namespace, metric: metadata.name, pod, reason };
}

function mismatchesOf(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): Mismatch[] {
  return Object.entries(selector).flatMap(([label, wanted]) => {
    const found = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (found === wanted) return [];
    return [{ label, wanted, found, similar: found === undefined ? closest(label, Object.keys(labels)) : null }];
  });
}

/**
 * One pair that differs is near, as are several when they are at most half of the selector. A label that is not there
 * is no sign of nearness by itself, so something else has to be.
 */
function isNear(metric: MetricDocument, mismatches: readonly Mismatch[]): boolean {
  const pairs = Object.keys(metric.spec.selector).length;
  if (mismatches.length === 0 || (mismatches.length > 1 && mismatches.length > pairs / 2)) return false;
  return pairs > mismatches.length || mismatches.some((one) => one.found !== undefined || one.similar !== null);
}

/** Fewer differences are nearer; of those alike, values and names that look like a slip of the hand. */
function distance(mismatches: readonly Mismatch[]): number {
  return mismatches.reduce((sum, { wanted, found, similar }) => {
    if (found === undefined) return sum + (similar === null ? 1.3 : 1.1);
    return sum + (closest(wanted, [found]) !== null || found.startsWith(wanted) || wanted.startsWith(found) ? 1 : 1.2);
  }, 0);
}

function reasonOf({ label, wanted, found, similar }: Mismatch): string {
  if (found !== undefined) return `label ${label} is ${shown(found)}, the metric asks for ${shown(wanted)}`;
  const hint = similar === null ? "" : `; it has a label ${similar}`;
  return `label ${label} is missing, the metric asks for ${label}=${shown(wanted)}${hint}`;
}

/** An empty text, or one with spaces at its ends, would not be seen. */
function shown(value: string): string {
  return value === "" || value.trim() !== value ? JSON.stringify(value) : value;
}
