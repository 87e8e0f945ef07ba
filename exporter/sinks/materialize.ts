import type { Label, Series, Target } from "../../core/protocol/shape.ts";

const nameLabel = "__name__";

/** The labels of a target that can be a series', sorted. They are asked for with each of its series. */
const sortedTargets = new WeakMap<readonly Label[], readonly Label[]>();

/**
 * The full label set of one series as a destination sees it: `__name__`, the target's labels and the series' own,
 * which win over the target's. A label with an empty value is absent, so an empty one of the series removes the
 * target's. Sorted by the UTF-8 bytes of the names, as remote write demands.
 *
 * Fast path: the few labels of the series are merged into those of the target, which were sorted once.
 */
export function materializeLabels(series: Series, target: Pick<Target, "labels">): Label[] {
  const fromTarget = sortedLabels(target.labels);
  const own = ownLabels(series);
  const labels: Label[] = [];
  let at = 0;
  for (const label of own) {
    for (; at < fromTarget.length; at++) {
      const next = fromTarget[at] as Label;
      const order = compareUtf8(next.name, label.name);
      if (order > 0) break;
      if (order < 0) labels.push(next);
    }
    if (label.value !== "") labels.push(label);
  }
  for (; at < fromTarget.length; at++) labels.push(fromTarget[at] as Label);
  return labels;
}

/** A series' own labels with its name, sorted; the last of those with one name counts. */
function ownLabels({ name, labels }: Series): Label[] {
  const own: Label[] = [];
  for (const label of labels) insertSorted(own, label);
  insertSorted(own, { name: nameLabel, value: name });
  return own;
}

function insertSorted(into: Label[], label: Label): void {
  let at = into.length;
  let order = -1;
  for (; at > 0; at--) {
    order = compareUtf8((into[at - 1] as Label).name, label.name);
    if (order <= 0) break;
  }
  if (at > 0 && order === 0) into[at - 1] = label;
  else if (at === into.length) into.push(label);
  else into.splice(at, 0, label);
}

/** Without empty ones, and without a name: that is the series' affair. */
function sortedLabels(labels: readonly Label[]): readonly Label[] {
  const known = sortedTargets.get(labels);
  if (known !== undefined) return known;
  const last = new Map(labels.map(({ name, value }) => [name, value]));
  const sorted = Array.from(last, ([name, value]) => ({ name, value }))
    .filter(({ name, value }) => value !== "" && name !== nameLabel)
    .toSorted((a, b) => compareUtf8(a.name, b.name));
  sortedTargets.set(labels, sorted);
  return sorted;
}

/** The labels without `__name__`, which some formats carry apart. */
export function withoutName(labels: readonly Label[]): Label[] {
  return labels.filter((label) => label.name !== nameLabel);
}

/** Orders as the UTF-8 bytes of the texts would: JavaScript compares UTF-16, where astral characters come too early. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return codeUnitRank(left) - codeUnitRank(right);
  }
  return a.length - b.length;
}

/** Surrogates stand for characters above U+FFFF: they rank behind all other code units. */
function codeUnitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}
