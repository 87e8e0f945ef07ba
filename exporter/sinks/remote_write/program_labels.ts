import type { Label, Series, Target } from "../../../core/protocol/shape.ts";
import { materializeLabels } from "../materialize.ts";

/** The labels of a target that its series can get, in an order that depends on their names alone. */
export function effectiveLabels(target: Pick<Target, "labels">): Label[] {
  return materializeLabels({ name: "", labels: [] }, target);
}

/** A label of a series; `slot` is the place of its value among the effective labels of the target, -1 for its own. */
export interface PlacedLabel extends Label {
  readonly slot: number;
}

/** The labels of a series under a target, with those told apart whose value is the target's. */
export function placeLabels(
  series: Series,
  target: Pick<Target, "labels">,
  effective: readonly Label[],
): PlacedLabel[] {
  return materializeLabels(series, target).map(({ name, value }) => {
    const isOwn = name === "__name__" || series.labels.some((label) => label.name === name);
    return { name, value, slot: isOwn ? -1 : effective.findIndex((label) => label.name === name) };
  });
}
