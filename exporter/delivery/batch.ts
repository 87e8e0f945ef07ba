import type { Batch, OpaqueRecord, ResolvedScrape } from "../sink.ts";

/**
 * Cuts records into batches of at most `samplesMax` samples, in order; a scrape that has more alone goes alone. Opaque
 * records go with the last batch, since they carry no count of samples.
 */
export function cutBatches(
  scrapes: readonly ResolvedScrape[],
  opaque: readonly OpaqueRecord[],
  samplesMax: number,
): Batch[] {
  const groups: ResolvedScrape[][] = [];
  let group: ResolvedScrape[] = [];
  let samples = 0;
  for (const scrape of scrapes) {
    if (group.length > 0 && samples + scrape.values.length > samplesMax) {
      groups.push(group);
      group = [];
      samples = 0;
    }
    group.push(scrape);
    samples += scrape.values.length;
  }
  if (group.length > 0 || opaque.length > 0) groups.push(group);
  return groups.map((one, index) => batchOf(one, index === groups.length - 1 ? opaque : []));
}

/** Two batches with the records of one, in order; null when it has a single record, which cannot be cut. */
export function halveBatch(batch: Batch): [Batch, Batch] | null {
  const { scrapes, opaque } = batch;
  if (scrapes.length + opaque.length < 2) return null;
  if (scrapes.length > 0 && opaque.length > 0) return [batchOf(scrapes, []), batchOf([], opaque)];
  const middle = Math.ceil((scrapes.length + opaque.length) / 2);
  return [
    batchOf(scrapes.slice(0, middle), opaque.slice(0, middle)),
    batchOf(scrapes.slice(middle), opaque.slice(middle)),
  ];
}

export function batchOf(scrapes: readonly ResolvedScrape[], opaque: readonly OpaqueRecord[]): Batch {
  return { scrapes, opaque, sampleCount: scrapes.reduce((sum, scrape) => sum + scrape.values.length, 0) };
}
