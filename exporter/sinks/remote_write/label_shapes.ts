/**
 * Which label names a series has, apart from their values: nearly all series of a family have the same, and so have
 * nearly all targets. What follows from the names alone, such as the order of the labels of a series under a target, is
 * found once for each pair of shapes, so that a series costs no comparison of strings.
 */

import type { Label, Series, Target } from "../../../core/protocol/shape.ts";
import { compareUtf8 } from "../materialize.ts";
import type { SymbolDictionary } from "./symbols.ts";

const nameLabel = "__name__";

/** The names of labels, sorted as remote write demands, each once. */
export interface LabelShape {
  readonly names: readonly string[];
  /** For each, where its value stands among those that were given: the last one of that name counts. */
  readonly places: readonly number[];
  /** For each, whether its value is empty: it is absent, and removes the target's. */
  readonly isEmpty: readonly boolean[];
  /** Plans with this shape as the series', by the target's. */
  readonly plans: Map<LabelShape, LabelPlan>;
}

/** The labels of a series of one shape under a target of another, in order. */
export interface LabelPlan {
  /** The dictionary's numbers of their names. */
  readonly names: Uint32Array;
  /** Where their values are: at n among the series' own, or at -1 - n among the target's. */
  readonly places: Int32Array;
}

/** What a shape costs beside its names, with the plans that it is in, about. */
const shapeBytes = 600;
const nameBytes = 60;

/** The shapes of all series and targets of an encoder. */
export class LabelShapes {
  readonly #shapes = new Map<string, LabelShape>();
  #bytes = 0;
  #lastNames: readonly string[] = [];
  #lastEmpty: readonly boolean[] = [];
  #last: LabelShape | null = null;

  /** Bytes held, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Fast path: the series of a family mostly have the shape of the one before. */
  ofSeries({ name, labels }: Series): LabelShape {
    const last = this.#last;
    if (last !== null && this.#isAsLast(name, labels)) return last;
    const own = labels.filter((label) => label.name !== nameLabel);
    // The name comes last, whatever else calls itself so.
    return this.#of([...labels.map((label) => label.name), nameLabel], [
      ...labels.map((label) => label.value === ""),
      name === "",
    ], own.length === labels.length);
  }

  ofTarget({ labels }: Pick<Target, "labels">): LabelShape {
    return this.#of(labels.map((label) => label.name), labels.map((label) => label.value === ""), false);
  }

  plan(series: LabelShape, target: LabelShape, dictionary: SymbolDictionary): LabelPlan {
    const known = series.plans.get(target);
    if (known !== undefined) return known;
    const plan = makePlan(series, target, dictionary);
    series.plans.set(target, plan);
    this.#bytes += shapeBytes / 4;
    return plan;
  }

  #isAsLast(name: string, labels: readonly Label[]): boolean {
    const names = this.#lastNames;
    const isEmpty = this.#lastEmpty;
    if (labels.length !== names.length - 1 || (name === "") !== isEmpty[labels.length]) return false;
    for (let index = 0; index < labels.length; index++) {
      const label = labels[index] as Label;
      if (label.name !== names[index] || (label.value === "") !== isEmpty[index]) return false;
    }
    return true;
  }

  #of(names: readonly string[], isEmpty: readonly boolean[], isSeries: boolean): LabelShape {
    const key = JSON.stringify([names, isEmpty]);
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      shape = makeShape(names, isEmpty);
      this.#shapes.set(key, shape);
      this.#bytes += shapeBytes + names.length * nameBytes + key.length;
    }
    if (isSeries) [this.#last, this.#lastNames, this.#lastEmpty] = [shape, names, isEmpty];
    return shape;
  }
}

function makeShape(names: readonly string[], isEmpty: readonly boolean[]): LabelShape {
  const places = [...new Map(names.map((name, place) => [name, place]))].toSorted(([a], [b]) => compareUtf8(a, b));
  return {
    names: places.map(([name]) => name),
    places: places.map(([, place]) => place),
    isEmpty: places.map(([, place]) => isEmpty[place] as boolean),
    plans: new Map(),
  };
}

function makePlan(series: LabelShape, target: LabelShape, dictionary: SymbolDictionary): LabelPlan {
  const chosen = new Map<string, number | null>();
  for (const [index, name] of target.names.entries()) {
    // A target has no say in the name of a metric.
    if (name !== nameLabel) chosen.set(name, target.isEmpty[index] ? null : -1 - (target.places[index] as number));
  }
  for (const [index, name] of series.names.entries()) {
    chosen.set(name, series.isEmpty[index] ? null : series.places[index] as number);
  }
  const labels = [...chosen].filter((one): one is [string, number] => one[1] !== null)
    .toSorted(([a], [b]) => compareUtf8(a, b));
  return {
    names: Uint32Array.from(labels, ([name]) => dictionary.idOf(name)),
    places: Int32Array.from(labels, ([, place]) => place),
  };
}
