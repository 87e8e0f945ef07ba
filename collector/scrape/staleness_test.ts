import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Block, encodeBlock, type EncodedShape } from "../../core/protocol/shape.ts";
import { countSeries, seriesOfPart, seriesOnlyIn } from "./series_difference.ts";
import { staleValues } from "./stale_values.ts";

test("staleness markers have exactly Prometheus' bits, in the byte order of the wire too", () => {
  const values = staleValues(3);
  const view = new DataView(values.buffer);
  for (let index = 0; index < 3; index++) assert.equal(view.getBigUint64(index * 8, true), 0x7ff0_0000_0000_0002n);
  assert.equal(staleValues(0).length, 0);
});

/** One block for each list of names; no name is in two. */
function blocksOf(lists: readonly (readonly string[])[]): EncodedShape<Block>[] {
  const seen = new Set<string>();
  return lists.map((names, index) => {
    const fresh = [...new Set(names)].filter((name) => !seen.has(name));
    for (const name of fresh) seen.add(name);
    return encodeBlock(
      { family: `f${index}`, type: "gauge", help: "", unit: "" },
      fresh.map((name) => ({ name, labels: [] })),
    );
  });
}

test("the series of one list of blocks and not of another are those of the sets, at their places", () => {
  const lists = fc.array(fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 4 }), { maxLength: 4 });
  fc.assert(fc.property(lists, lists, (left, right) => {
    const these = blocksOf(left);
    const others = blocksOf(right);
    const namesOf = (blocks: readonly EncodedShape<Block>[]) =>
      blocks.flatMap(({ shape }) => shape.series.map(({ name }) => name));
    const all = namesOf(these);
    const known = new Set(namesOf(others));
    const parts = seriesOnlyIn(these, others);
    assert.deepEqual(
      parts.flatMap((part) => seriesOfPart(part).map(({ name }) => name)),
      all.filter((name) => !known.has(name)),
    );
    for (const part of parts) {
      const { block, first, indices } = part;
      const places = (indices ?? [...block.shape.series.keys()]).map((index) => all[first + index]);
      assert.deepEqual(places, seriesOfPart(part).map(({ name }) => name));
      assert.equal(countSeries(part), places.length);
    }
  }));
});
