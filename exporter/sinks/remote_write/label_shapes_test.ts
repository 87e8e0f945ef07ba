import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Label, Series } from "../../../core/protocol/shape.ts";
import { materializeLabels } from "../materialize.ts";
import { LabelShapes } from "./label_shapes.ts";
import { SymbolDictionary } from "./symbols.ts";
import { buildSymbolTemplate, buildTargetTemplate, placeSymbols } from "./template_2.ts";

const metadata = { family: "", type: "", help: "", unit: "" };

function newParts() {
  return { dictionary: new SymbolDictionary(), shapes: new LabelShapes() };
}

/** The labels of each series of a block under a target, as the templates give them. */
function placed(series: readonly Series[], labels: readonly Label[], parts = newParts()): Label[][] {
  const { dictionary, shapes } = parts;
  const template = buildSymbolTemplate({ ...metadata, series }, parts);
  const target = buildTargetTemplate({ labels }, parts);
  const into = new Uint32Array(200);
  const all: Label[][] = [];
  let run = 0;
  for (let index = 0; index < series.length; index++) {
    if (index === template.shapesEnd[run]) run++;
    const plan = shapes.plan(template.shapes[run]!, target.shape, dictionary);
    const from = index === 0 ? 0 : template.valuesEnd[index - 1]!;
    const count = placeSymbols(into, plan, template.values, from, target.values);
    const texts = Array.from(into.subarray(0, count), (id) => textOf(dictionary, id));
    all.push(Array.from({ length: count / 2 }, (_, at) => ({ name: texts[at * 2]!, value: texts[at * 2 + 1]! })));
  }
  return all;
}

/** Tag, length, text: all texts are short. */
function textOf(dictionary: SymbolDictionary, id: number): string {
  return new TextDecoder().decode(dictionary.field(id).subarray(2));
}

test("templates give the labels that materialising gives, whatever is empty, twice there or called __name__", () => {
  const name = fc.constantFrom("__name__", "a", "b", "c", "pod", "\uff21", "\u{1f600}");
  const label = fc.record({ name, value: fc.constantFrom("", "x", "y", "z") }, { noNullPrototype: true });
  const labels = fc.array(label, { maxLength: 6 });
  const series = fc.record({ name: fc.constantFrom("", "up", "down"), labels });
  fc.assert(fc.property(fc.array(series, { maxLength: 8 }), labels, labels, (block, target, other) => {
    const parts = newParts();
    for (const one of [target, other, target]) {
      assert.deepEqual(placed(block, one, parts), block.map((each) => materializeLabels(each, { labels: one })));
    }
  }));
});

test("series of one shape are one run, and what is held does not grow with their number", () => {
  const parts = newParts();
  const series = (count: number) =>
    Array.from({ length: count }, () => ({ name: "up", labels: [{ name: "code", value: "200" }] }));
  const { shapes, shapesEnd } = buildSymbolTemplate({ ...metadata, series: series(100) }, parts);
  assert.deepEqual([shapes.length, Array.from(shapesEnd)], [1, [100]]);
  const { bytes } = parts.shapes;
  placed(series(1000), [{ name: "pod", value: "a" }], parts);
  const once = parts.shapes.bytes;
  placed(series(1000), [{ name: "pod", value: "b" }], parts);
  assert.ok(bytes > 0 && once > bytes);
  assert.equal(parts.shapes.bytes, once);
});
