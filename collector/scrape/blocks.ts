import {
  type Block,
  encodeBlock,
  type EncodedShape,
  type FamilyMetadata,
  type Series,
} from "../../core/protocol/shape.ts";
import { ScrapeRefusedError } from "../../core/scrape/limits.ts";
import { compactBlock } from "./compact_block.ts";
import type { ShapeCache } from "./shape_cache.ts";

/** Most series of one block; a larger family is cut into several. */
export const blockSeriesMax = 20_000;

/** Most characters of the names and labels in one block: at 3 bytes each at most, it stays far below a frame's size. */
export const blockCharsMax = 1024 * 1024;

/**
 * Encodes a family as one block, or several with the same metadata when it is large, so that each fits a frame.
 * A family without series is no block.
 * @throws ScrapeRefusedError when one series alone, or the metadata, is too large.
 */
export function encodeFamily(
  metadata: FamilyMetadata,
  series: readonly Series[],
  cache: ShapeCache,
): EncodedShape<Block>[] {
  const metadataChars = metadata.family.length + metadata.type.length + metadata.help.length + metadata.unit.length;
  if (metadataChars > blockCharsMax) {
    throw new ScrapeRefusedError(`metadata of "${metadata.family.slice(0, 50)}" exceeds ${blockCharsMax} characters`);
  }
  const blocks: EncodedShape<Block>[] = [];
  let begin = 0;
  let chars = 0;
  const cut = (end: number) => {
    if (end > begin) blocks.push(cache.intern(compactBlock(encodeBlock(metadata, series.slice(begin, end)))));
    begin = end;
    chars = 0;
  };
  for (const [index, one] of series.entries()) {
    const size = charsOf(one);
    if (size > blockCharsMax) {
      throw new ScrapeRefusedError(`a series of "${one.name.slice(0, 50)}" exceeds ${blockCharsMax} characters`);
    }
    if (chars + size > blockCharsMax || index - begin >= blockSeriesMax) cut(index);
    chars += size;
  }
  cut(series.length);
  return blocks;
}

function charsOf(series: Series): number {
  let chars = series.name.length;
  for (const label of series.labels) chars += label.name.length + label.value.length;
  return chars;
}
