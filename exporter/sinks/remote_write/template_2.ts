import type { Block, FamilyMetadata, Label, Target } from "../../../core/protocol/shape.ts";
import type { Materialized } from "../block_cache.ts";
import type { LabelPlan, LabelShape, LabelShapes } from "./label_shapes.ts";
import type { SymbolDictionary } from "./symbols.ts";

/**
 * The series of a block for remote write 2.0, whatever their target: all targets that expose the block share it, and
 * each adds its labels by a plan when a request is made.
 */
export interface SymbolTemplate extends Materialized {
  /** The dictionary's numbers of the values of the labels of one series after the other, the name last. */
  readonly values: Uint32Array;
  /** For each series, the end of its part of `values`. */
  readonly valuesEnd: Uint32Array;
  /** Runs of series of one shape: the shape, and where its run ends. */
  readonly shapes: readonly LabelShape[];
  readonly shapesEnd: Uint32Array;
  readonly type: number;
  /** The dictionary's numbers; 0 for none. */
  readonly help: number;
  readonly unit: number;
}

/** The labels of a target, likewise. */
export interface TargetTemplate {
  readonly shape: LabelShape;
  readonly values: Uint32Array;
}

/** What templates are made of; they are worth nothing without it. */
export interface TemplateParts {
  readonly dictionary: SymbolDictionary;
  readonly shapes: LabelShapes;
}

/** Metadata.MetricType; what is not listed is unspecified. */
const metricTypes: Readonly<Record<string, number>> = {
  counter: 1,
  gauge: 2,
  histogram: 3,
  gaugehistogram: 4,
  summary: 5,
  info: 6,
  stateset: 7,
};

/** The number of a type in Metadata. */
export function metricTypeOf(type: string): number {
  return Object.hasOwn(metricTypes, type) ? metricTypes[type] as number : 0;
}

const noMetadata: FamilyMetadata = { family: "", type: "", help: "", unit: "" };

export function buildSymbolTemplate(
  { type, help, unit, series }: FamilyMetadata & Pick<Block, "series">,
  { dictionary, shapes: known }: TemplateParts,
): SymbolTemplate {
  const values = new Uint32Array(series.reduce((sum, { labels }) => sum + labels.length + 1, 0));
  const valuesEnd = new Uint32Array(series.length);
  const shapes: LabelShape[] = [];
  const shapesEnd: number[] = [];
  let at = 0;
  for (let index = 0; index < series.length; index++) {
    const one = series[index]!;
    for (const { value } of one.labels) values[at++] = dictionary.idOf(value);
    values[at++] = dictionary.idOf(one.name);
    valuesEnd[index] = at;
    const shape = known.ofSeries(one);
    if (shapes.at(-1) !== shape) shapesEnd.push(shapes.push(shape));
    shapesEnd[shapesEnd.length - 1] = index + 1;
  }
  return {
    values,
    valuesEnd,
    shapes,
    shapesEnd: Uint32Array.from(shapesEnd),
    type: metricTypeOf(type),
    help: dictionary.idOf(help),
    unit: dictionary.idOf(unit),
    bytes: values.byteLength + valuesEnd.byteLength + shapes.length * 12,
  };
}

export function buildTargetTemplate({ labels }: Pick<Target, "labels">, parts: TemplateParts): TargetTemplate {
  const { dictionary, shapes } = parts;
  return {
    shape: shapes.ofTarget({ labels }),
    values: Uint32Array.from(labels, ({ value }) => dictionary.idOf(value)),
  };
}

/** A template of one series by its labels, of whose family nothing is known. */
export function bareTemplate(labels: readonly Label[], parts: TemplateParts): SymbolTemplate {
  const name = labels.find((label) => label.name === "__name__")?.value ?? "";
  const own = labels.filter((label) => label.name !== "__name__");
  return buildSymbolTemplate({ ...noMetadata, series: [{ name, labels: own }] }, parts);
}

/** Writes the dictionary's numbers of name, value, name, value, … of a series under a target; returns how many. */
export function placeSymbols(
  into: Uint32Array,
  plan: LabelPlan,
  own: Uint32Array,
  from: number,
  target: Uint32Array,
): number {
  const { names, places } = plan;
  const count = places.length;
  for (let index = 0; index < count; index++) {
    const place = places[index] as number;
    into[index * 2] = names[index] as number;
    into[index * 2 + 1] = (place >= 0 ? own[from + place] : target[-1 - place]) as number;
  }
  return count * 2;
}
