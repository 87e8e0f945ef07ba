import type { Exposition, Family } from "../../core/exposition/exposition.ts";
import type { Block, EncodedShape, FamilyMetadata, Series } from "../../core/protocol/shape.ts";
import { seriesCountOf } from "../../core/protocol/stored_block.ts";

/** What is remembered of one family, so that it need not be encoded again while it exposes the same series. */
export interface KnownFamily {
  readonly metadata: FamilyMetadata;
  /** The series as exposed: those of `blocks`, or others, or not known any more, when a template tells of them. */
  readonly exposed: readonly Series[] | "as sent" | "forgotten";
  /** Indices of the samples that are sent, or null for all. */
  readonly kept: readonly number[] | null;
  /** Samples that were exposed. */
  readonly sampleCount: number;
  /** Those that relabelling dropped, and those dropped because their series came before. */
  readonly dropped: number;
  readonly duplicates: number;
  readonly blocks: readonly EncodedShape<Block>[];
  /** Of the series that are sent, each once. */
  readonly names: readonly string[];
}

export interface KnownExposition {
  readonly families: readonly KnownFamily[];
  readonly blocks: readonly EncodedShape<Block>[];
  readonly seriesCount: number;
  readonly sampleCount: number;
  readonly dropped: number;
  readonly duplicates: number;
}

/** A family of a body: one that was parsed, or one that is known, of which only the values are new. */
export type FamilyPart =
  | { readonly known: null; readonly family: Family }
  /** `values`: of all samples exposed. */
  | { readonly known: KnownFamily; readonly values: Float64Array<ArrayBuffer> };

export const nothingKnown: KnownExposition = knownExposition([]);

export function knownExposition(families: readonly KnownFamily[]): KnownExposition {
  const blocks = families.flatMap((family) => family.blocks);
  return {
    families,
    blocks,
    seriesCount: sum(blocks, ({ shape }) => seriesCountOf(shape)),
    sampleCount: sum(families, ({ sampleCount }) => sampleCount),
    dropped: sum(families, ({ dropped }) => dropped),
    duplicates: sum(families, ({ duplicates }) => duplicates),
  };
}

/** Whether the exposition has the same series as the one that is known. */
export function isKnown(known: KnownExposition, exposition: Exposition): boolean {
  if (known.families.length !== exposition.families.length) return false;
  return exposition.families.every((family, index) => isSameFamily(known.families[index], family));
}

export function isSameFamily(before: KnownFamily | undefined, family: Family): boolean {
  if (before === undefined || before.exposed === "forgotten" || !sameMetadata(before.metadata, family)) return false;
  const { exposed, blocks } = before;
  return exposed === "as sent" ? blocksHold(blocks, family.samples) : sameList(exposed, family.samples);
}

export function sameMetadata(a: FamilyMetadata, b: FamilyMetadata): boolean {
  return a.family === b.family && a.type === b.type && a.help === b.help && a.unit === b.unit;
}

/** Whether the blocks hold exactly these series, in this order. */
export function blocksHold(blocks: readonly EncodedShape<Block>[], series: readonly Series[]): boolean {
  if (sum(blocks, ({ shape }) => seriesCountOf(shape)) !== series.length) return false;
  let at = 0;
  for (const block of blocks) {
    for (const one of block.shape.series) if (!sameSeries(one, series[at++])) return false;
  }
  return true;
}

export function namesOf(series: readonly Series[]): string[] {
  const names = new Set<string>();
  for (const { name } of series) names.add(name);
  return [...names];
}

export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function sameList(a: readonly Series[], b: readonly Series[]): boolean {
  return a.length === b.length && a.every((series, index) => sameSeries(series, b[index]));
}

function sameSeries(a: Series, b: Series | undefined): boolean {
  if (b === undefined || a.name !== b.name || a.labels.length !== b.labels.length) return false;
  for (let index = 0; index < a.labels.length; index++) {
    const one = a.labels[index];
    const other = b.labels[index];
    if (one?.name !== other?.name || one?.value !== other?.value) return false;
  }
  return true;
}
