import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Batch } from "../sink.ts";
import { testBatch, testOpaque, testScrapeOf } from "../sinks/batch_testing.ts";
import { cutBatches, halveBatch } from "./batch.ts";

const scrapesOf = (sizes: readonly number[]) => sizes.map((size, index) => testScrapeOf(`m${index}`, size));
const namesOf = (batch: Batch) => [
  ...batch.scrapes.map((scrape) => scrape.blocks[0]?.family),
  ...batch.opaque.map((record) => record.dataId),
];

test("batches have at most so many samples, but a large scrape goes alone", () => {
  const batches = cutBatches(scrapesOf([4, 4, 4, 50, 1, 9]), [], 10);
  assert.deepEqual(batches.map((batch) => batch.scrapes.map(({ values }) => values.length)), [[4, 4], [4], [50], [
    1,
    9,
  ]]);
  assert.deepEqual(batches.map((batch) => batch.sampleCount), [8, 4, 50, 10]);
});

test("opaque records go with the last batch, or alone", () => {
  const opaque = [testOpaque("{}", 1), testOpaque("{}", 2)];
  assert.deepEqual(cutBatches(scrapesOf([6, 6]), opaque, 10).map(namesOf), [["m0"], ["m1", 1, 2]]);
  assert.deepEqual(cutBatches([], opaque, 10).map(namesOf), [[1, 2]]);
  assert.deepEqual(cutBatches([], [], 10), []);
});

test("halving keeps every record, in order, down to single ones", () => {
  function pieces(batch: Batch): Batch[] {
    const halves = halveBatch(batch);
    return halves === null ? [batch] : halves.flatMap(pieces);
  }
  fc.assert(fc.property(fc.nat({ max: 20 }), fc.nat({ max: 20 }), (scrapeCount, opaqueCount) => {
    const opaque = Array.from({ length: opaqueCount }, (_, index) => testOpaque("{}", index));
    const batch = testBatch(scrapesOf(Array.from({ length: scrapeCount }, () => 1)), opaque);
    const single = pieces(batch);
    assert.equal(single.length, Math.max(1, scrapeCount + opaqueCount));
    assert.deepEqual(single.flatMap(namesOf), namesOf(batch));
    assert.equal(single.reduce((sum, one) => sum + one.sampleCount, 0), scrapeCount);
  }));
});
