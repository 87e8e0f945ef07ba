import type { Label, Series } from "../protocol/shape.ts";
import { UnusableTargetError } from "./request.ts";
import type { TargetIdentity } from "./target_identity.ts";

/** The labels that every series of a target gets. */
export interface TargetLabels {
  /** By name; none is empty. */
  readonly values: ReadonlyMap<string, string>;
  /** Names of constant labels, those with an empty value included: a series' own label of that name never counts. */
  readonly constant: ReadonlySet<string>;
}

/**
 * Joins a target's labels. `instance` (the address) and `pod` (when it is known) are given to a target whose `own`
 * labels, those that it was found or relabelled with, have none of that name. What it is scraped for (`cluster`,
 * `namespace`, `metric`) wins over them, so that no workload can pass for another's; the metric's `constLabels` win
 * over all. An empty label removes the one of its name.
 * @throws UnusableTargetError when one of them would rename every series.
 */
export function targetLabels(
  identity: TargetIdentity,
  own: Readonly<Record<string, string>>,
  constLabels: Readonly<Record<string, string>>,
): TargetLabels {
  const { cluster, namespace, metric, address, pod } = identity;
  const joined = Object.entries({ instance: address, pod, ...own, cluster, namespace, metric, ...constLabels });
  if (joined.some(([name]) => name === "__name__")) {
    throw new UnusableTargetError('the label "__name__" cannot be given to a target');
  }
  return {
    values: new Map(joined.filter(([, value]) => value !== "")),
    constant: new Set(Object.keys(constLabels)),
  };
}

/**
 * The labels that a series brings beside those of its target, with conflicts settled:
 * - one of a constant label's name is dropped;
 * - with `honorLabels` one of a target label's name stays and wins, even when it is empty, which removes the target's;
 * - without, it is renamed `exported_<name>`, with as many prefixes as make the name new.
 *
 * Other empty labels mean nothing and are dropped. What comes out is the same for equal series only, and is the very
 * array that went in when there is nothing to settle.
 */
export function settleLabels(
  exposed: readonly Label[],
  target: TargetLabels,
  honorLabels: boolean,
): readonly Label[] {
  const { values, constant } = target;
  if (!exposed.some((label) => label.value === "" || values.has(label.name) || constant.has(label.name))) {
    return exposed;
  }
  const settled: Label[] = [];
  const renamed: Label[] = [];
  for (const label of exposed) {
    if (constant.has(label.name)) continue;
    const targetValue = values.get(label.name);
    if (targetValue === undefined) {
      if (label.value !== "") settled.push(label);
    } else if (honorLabels) {
      if (label.value !== targetValue) settled.push(label);
    } else if (label.value !== "") {
      renamed.push(label);
    }
  }
  // Shorter names first, as Prometheus does, so that `x` becomes `exported_x` before an exposed `exported_x` moves on.
  renamed.sort((a, b) => a.name.length - b.name.length);
  for (const label of renamed) settled.push({ name: freeName(label.name, settled, target), value: label.value });
  return settled;
}

function freeName(name: string, taken: readonly Label[], target: TargetLabels): string {
  let free = name;
  do {
    free = `exported_${free}`;
  } while (target.values.has(free) || target.constant.has(free) || taken.some((label) => label.name === free));
  return free;
}

/** A half surrogate: no text that came as UTF-8 holds one. */
const separator = "\ud800";

/** A text that two series share only when their names and sets of labels are equal. */
export function seriesKey(series: Series): string {
  let key = series.name;
  const { labels } = series;
  const sorted = labels.length < 2 ? labels : labels.toSorted((a, b) => a.name < b.name ? -1 : 1);
  for (const label of sorted) key += separator + label.name + separator + label.value;
  return key;
}
