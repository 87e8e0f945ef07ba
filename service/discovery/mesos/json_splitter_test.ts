import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { JsonSplitter } from "./json_splitter.ts";

const bytesMax = 1024 * 1024;

function split(text: string, cuts: readonly number[]): unknown[] {
  const bytes = new TextEncoder().encode(text);
  const splitter = new JsonSplitter(bytesMax);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).flatMap((end, index) => splitter.push(bytes.slice(places[index], end)));
}

test("objects are found wherever chunks end, and whatever white space is between them", () => {
  const objects = fc.array(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), { maxLength: 6 });
  const spaces = fc.array(fc.constantFrom("", "\n", " \r\n\t"), { minLength: 7, maxLength: 7 });
  const cuts = fc.array(fc.nat(), { maxLength: 8 });
  fc.assert(fc.property(objects, spaces, cuts, (given, between, at) => {
    const text = given.map((one, index) => `${between[index]}${JSON.stringify(one)}`).join("") + between[6];
    const want = given.map((one): unknown => JSON.parse(JSON.stringify(one)));
    assert.deepEqual(split(text, at), want);
    assert.deepEqual(split(text, Array.from({ length: Math.min(200, text.length) }, (_, index) => index)), want);
  }));
});

test("what is no object is refused, and so is one without end", () => {
  const check = (text: string, message: RegExp, max = bytesMax) =>
    assert.throws(() => new JsonSplitter(max).push(new TextEncoder().encode(text)), message);
  check("<html>", /byte 60 stands where an object should begin/);
  check('{"a":1},{"b":2}', /byte 44 stands where an object should begin/);
  check("{]", /is no JSON: "\{\]"/);
  check(`{"a":"${"x".repeat(100)}`, /an object exceeds 50 bytes/, 50);
});

test("bytes at random end in objects or in an error of its own", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (chunks) => {
    const splitter = new JsonSplitter(100);
    try {
      for (const chunk of chunks) splitter.push(chunk);
    } catch (error) {
      assert.equal((error as Error).name, "JsonStreamError");
    }
  }));
});
