import type { Block, FamilyMetadata, Label, Target } from "../../../core/protocol/shape.ts";
import type { Materialized } from "../block_cache.ts";
import { materializeLabels } from "../materialize.ts";
import type { SymbolDictionary } from "./symbols.ts";

/** The series of a block under a target, for remote write 2.0: everything but values, times and references. */
export interface SymbolTemplate extends Materialized {
  /** The dictionary's numbers of name, value, name, value, … of the labels of one series after the other. */
  readonly refs: Uint32Array;
  /** For each series, the end of its part of `refs`. */
  readonly refsEnd: Uint32Array;
  readonly type: number;
  /** The dictionary's numbers; 0 for none. */
  readonly help: number;
  readonly unit: number;
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

export function buildSymbolTemplate(block: Block, target: Target, dictionary: SymbolDictionary): SymbolTemplate {
  return templateOf(block.series.map((series) => materializeLabels(series, target)), block, dictionary);
}

/** A template of one series by its labels, of whose family nothing is known. */
export function bareTemplate(labels: readonly Label[], dictionary: SymbolDictionary): SymbolTemplate {
  return templateOf([labels], noMetadata, dictionary);
}

function templateOf(
  series: readonly (readonly Label[])[],
  { type, help, unit }: FamilyMetadata,
  dictionary: SymbolDictionary,
): SymbolTemplate {
  const refs = new Uint32Array(series.reduce((sum, labels) => sum + labels.length * 2, 0));
  const refsEnd = new Uint32Array(series.length);
  let count = 0;
  for (const [index, labels] of series.entries()) {
    for (const { name, value } of labels) {
      refs[count++] = dictionary.idOf(name);
      refs[count++] = dictionary.idOf(value);
    }
    refsEnd[index] = count;
  }
  return {
    refs,
    refsEnd,
    type: metricTypeOf(type),
    help: dictionary.idOf(help),
    unit: dictionary.idOf(unit),
    bytes: refs.byteLength + refsEnd.byteLength,
  };
}
