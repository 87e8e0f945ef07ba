import type { Label, Series, Target } from "../../core/protocol/shape.ts";

const nameLabel = "__name__";

/**
 * The full label set of one series as a destination sees it: `__name__`, the target's labels and the series' own,
 * which win over the target's. A label with an empty value is absent, so an empty one of the series removes the
 * target's. Sorted by the UTF-8 bytes of the names, as remote write demands.
 */
export function materializeLabels(series: Series, target: Pick<Target, "labels">): Label[] {
  const values = new Map<string, string>();
  for (const label of target.labels) values.set(label.name, label.value);
  for (const label of series.labels) values.set(label.name, label.value);
  values.set(nameLabel, series.name);
  const labels: Label[] = [];
  for (const [name, value] of values) if (value !== "") labels.push({ name, value });
  return labels.toSorted((a, b) => compareUtf8(a.name, b.name));
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
