import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { BinaryExpositionError, type Exposition, ExpositionError } from "./exposition.ts";
import { type ExpositionFormat, parseExposition } from "./parse.ts";
import { corpus } from "./testing/corpus.ts";

const formats: readonly ExpositionFormat[] = ["prometheus", "openmetrics", "protobuf"];

/** Null when it is refused, which must be with the named error at a place within the body. */
function tryParse(body: Uint8Array, format: ExpositionFormat, strict: boolean): Exposition | null {
  try {
    return parseExposition(body, format, strict);
  } catch (error) {
    if (!(error instanceof ExpositionError)) throw error;
    assert.ok(error.line >= 1 && error.column >= 1 && error.column <= body.length + 1, error.message);
    assert.equal(error instanceof BinaryExpositionError, format === "protobuf");
    return null;
  }
}

for (const { name, format, body, samples, strict } of corpus) {
  test(`corpus, ${format}: ${name}`, () => {
    const exposition = tryParse(body, format, false);
    const count = exposition?.families.reduce((sum, family) => sum + family.samples.length, 0) ?? null;
    assert.equal(count, samples);
    const checked = tryParse(body, format, true);
    assert.equal(checked !== null, strict);
    if (checked !== null) assert.deepEqual(checked, exposition);
  });
}

test("mutated and spliced bodies are taken or refused with the named error, and strict answers are lenient ones", () => {
  const piece = fc.tuple(fc.constantFrom(...corpus), fc.nat(), fc.nat()).map(([{ body }, a, b]) => {
    const start = a % (body.length + 1);
    return body.subarray(start, start + b % (body.length - start + 1));
  });
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  const mutated = fc.tuple(fc.constantFrom(...corpus), fc.array(change, { maxLength: 4 })).map(
    ([{ body }, changes]) => {
      const bytes = Uint8Array.from(body);
      for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes;
    },
  );
  const spliced = fc.array(piece, { maxLength: 4 }).map((pieces) => Uint8Array.from(Buffer.concat(pieces)));
  fc.assert(
    fc.property(fc.oneof(mutated, spliced), fc.constantFrom(...formats), (body, format) => {
      const before = Uint8Array.from(body);
      const lenient = tryParse(body, format, false);
      const strict = tryParse(body, format, true);
      // Families without metrics are checked, so kept, by the strict reader of protobuf alone.
      if (strict !== null && format !== "protobuf") assert.deepEqual(strict, lenient);
      if (strict !== null) assert.notEqual(lenient, null);
      assert.deepEqual(body, before);
    }),
    { numRuns: 2500 },
  );
});

test("every beginning of a corpus body is taken or refused with the named error", () => {
  for (const { format, body } of corpus) {
    for (let end = 0; end < body.length; end += 1 + Math.floor(body.length / 400)) {
      tryParse(body.subarray(0, end), format, false);
      tryParse(body.subarray(0, end), format, true);
    }
  }
});

/** Quadratic reading of these would take minutes; the bound leaves a slow and busy machine plenty of room. */
const hostileMsMax = 10_000;

test("hostile bodies of half a megabyte are read in a time bounded by their size", () => {
  const repeated = (text: string) => Buffer.from(text.repeat(Math.ceil(500_000 / text.length)));
  const bodies = [
    "a",
    "{",
    '"',
    "\\",
    "#",
    "# TYPE a ",
    " ",
    "\n",
    "a 1\n",
    'a{b="',
    "1",
    "-",
    "\0",
    "\x7f",
    "\x80",
    "é",
    "# HELP a \\",
    'a{b="c"} 1 # {',
    "\x02\x0a\x00",
  ];
  for (const text of bodies) {
    for (const format of formats) {
      const startedMs = performance.now();
      tryParse(repeated(text), format, false);
      tryParse(repeated(text), format, true);
      const ms = performance.now() - startedMs;
      assert.ok(ms < hostileMsMax, `${JSON.stringify(text)} as ${format} took ${ms} ms`);
    }
  }
});
