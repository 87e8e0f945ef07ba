import type { CollectionMetric } from "../config/schema.ts";
import type { Label, Series } from "../protocol/shape.ts";
import { type LabelMap, RelabelBoundError, Relabeler } from "../relabel/mod.ts";
import { checkLabels, ScrapeRefusedError } from "./limits.ts";
import { settleLabels, type TargetLabels } from "./target_labels.ts";

/** What of a metric decides on the names and labels of its series. */
export type SeriesRules = Pick<CollectionMetric, "honorLabels" | "limits" | "metricRelabelings">;

/**
 * Makes the series that are sent of those that a target exposes: settles conflicts with the target's labels, relabels,
 * and checks the limits, in the order of Prometheus.
 */
export class ScrapedSeries {
  readonly #rules: SeriesRules;
  readonly #target: TargetLabels;
  readonly #address: string;
  readonly #relabeler: Relabeler;

  /** @param address Of the target, for reasons. */
  constructor(rules: SeriesRules, target: TargetLabels, address: string) {
    this.#rules = rules;
    this.#target = target;
    this.#address = address;
    this.#relabeler = new Relabeler(rules.metricRelabelings);
  }

  /**
   * The series as it is sent, without the labels that its target gives it; its labels are the very ones of `exposed`
   * when nothing changed them. Null when relabelling drops it. Equal series come out equal.
   * @throws ScrapeRefusedError when relabelling takes its name or makes too much of it.
   */
  make(exposed: Series): Series | null {
    const { name, labels } = exposed;
    const settled = settleLabels(labels, this.#target, this.#rules.honorLabels);
    if (this.#relabeler.isEmpty) return settled === labels ? exposed : { name, labels: settled };
    return this.#relabel({ name, labels: settled });
  }

  /** @throws ScrapeRefusedError when the series has too many labels, or too long ones. */
  check(series: Series): void {
    checkLabels(series, this.#target, this.#rules.limits, this.#address);
  }

  #relabel(settled: Series): Series | null {
    const all = joinedLabels(settled, this.#target.values);
    try {
      if (this.#relabeler.apply(all) !== null || all.size === 0) return null;
    } catch (error) {
      if (!(error instanceof RelabelBoundError)) throw error;
      throw new ScrapeRefusedError(`${this.#address}: ${error.message} of "${settled.name.slice(0, 50)}"`);
    }
    const name = all.get("__name__");
    if (name === undefined) {
      throw new ScrapeRefusedError(
        `${this.#address}: metricRelabelings take the name of "${settled.name.slice(0, 50)}"`,
      );
    }
    return { name, labels: beside(all, this.#target.values) };
  }
}

/** All labels of a series, with its name as `__name__` and those of its target. */
export function joinedLabels({ name, labels }: Series, target: ReadonlyMap<string, string>): LabelMap {
  const all = new Map(target);
  for (const label of labels) {
    if (label.value === "") all.delete(label.name);
    else all.set(label.name, label.value);
  }
  return all.set("__name__", name);
}

/** What a series has to say beside its target's labels to come to `all`; an empty value takes one of the target's. */
function beside(all: LabelMap, target: ReadonlyMap<string, string>): Label[] {
  const labels: Label[] = [];
  for (const [name, value] of all) {
    if (name !== "__name__" && target.get(name) !== value) labels.push({ name, value });
  }
  for (const name of target.keys()) if (!all.has(name)) labels.push({ name, value: "" });
  return labels;
}
