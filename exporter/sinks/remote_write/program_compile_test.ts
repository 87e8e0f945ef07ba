import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { uncompressSync } from "snappy";
import { PatternWriter } from "./pattern.ts";
import { type Program, runProgram } from "./program.ts";
import { compileProgram } from "./program_compile.ts";
import { BlockJoiner } from "./program_output.ts";

function compile(pattern: PatternWriter): Program {
  const steps = compileProgram(pattern.view());
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The message that a program stands for. */
function run(program: Program, values: Float64Array, parameters: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(program.code.length + 3);
  const bits = new Uint32Array(values.buffer, 0, values.length * 2);
  runProgram(program, bytes, new DataView(bytes.buffer), 3, bits, parameters);
  const block = new BlockJoiner().join(program.messageBytes, [bytes.subarray(3)]);
  return new Uint8Array(uncompressSync(block, { asBuffer: true }) as Buffer);
}

function varint(value: number): Uint8Array {
  return value < 0x80 ? Uint8Array.of(value) : Uint8Array.of((value & 0x7f) | 0x80, value >>> 7);
}

test("what repeats is copied, and a literal has values and parameters in it", () => {
  const pattern = new PatternWriter();
  for (let index = 0; index < 2; index++) pattern.text("abcdefgh").value().parameter(0, 2);
  const program = compile(pattern);
  assert.equal(
    Buffer.from(program.code).toString("hex"),
    [
      "48", // literal of 19 bytes
      "086162636465666768", // the text
      "0000000000000000", // a value
      "0000", // two parameters
      "1513", // copy 9 bytes from 19 bytes before
      "24", // literal of 10 bytes: the parameters too, since a copy of two bytes would save nothing
      "00000000000000000000",
    ].join(""),
  );
  assert.deepEqual([...program.valueAt], [10, 23]);
  assert.deepEqual([...program.pairs], [18, 0, 31, 0]);
  assert.equal(program.messageBytes, 38);
});

test("a program makes the message of its pattern, whatever is in it", () => {
  const parameterCount = 40;
  const part = fc.oneof(
    fc.record({ kind: fc.constant("text" as const), text: fc.string({ unit: "grapheme", maxLength: 100 }) }),
    fc.record({ kind: fc.constant("value" as const), value: fc.double() }),
    fc.record({
      kind: fc.constant("parameter" as const),
      first: fc.nat({ max: parameterCount - 1 }),
      count: fc.nat({ max: 20 }),
    }),
    fc.record({ kind: fc.constant("run" as const), byte: fc.nat({ max: 255 }), count: fc.nat({ max: 300 }) }),
  );
  const parameterBytes = fc.uint8Array({ minLength: parameterCount, maxLength: parameterCount });
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 20 }),
      parameterBytes,
      fc.integer({ min: 1, max: 3 }),
      (parts, parameters, repeats) => {
        const pattern = new PatternWriter();
        const wanted: Uint8Array[] = [];
        const values: number[] = [];
        for (const one of Array.from({ length: repeats }, () => parts).flat()) {
          if (one.kind === "text") {
            const bytes = Buffer.from(one.text);
            wanted.push(varint(bytes.length), bytes);
            pattern.text(one.text);
          } else if (one.kind === "value") {
            wanted.push(new Uint8Array(Float64Array.of(one.value).buffer));
            values.push(one.value);
            // In every message something stands between two values.
            wanted.push(Uint8Array.of(7));
            pattern.value().u8(7);
          } else if (one.kind === "parameter") {
            const count = Math.min(one.count, parameterCount - one.first);
            wanted.push(parameters.subarray(one.first, one.first + count));
            pattern.parameter(one.first, count);
          } else {
            wanted.push(new Uint8Array(one.count).fill(one.byte));
            for (let index = 0; index < one.count; index++) pattern.u8(one.byte);
          }
        }
        if (pattern.length === 0) return;
        const made = run(compile(pattern), Float64Array.from(values), parameters);
        assert.equal(Buffer.from(made).toString("hex"), Buffer.concat(wanted).toString("hex"));
      },
    ),
  );
});

test("nothing is copied from further back than an offset can say", () => {
  const pattern = new PatternWriter();
  const noise = Uint8Array.from({ length: 70_000 }, (_, index) => Math.imul(index, 0x9e37_79b1) >>> 13);
  for (const byte of [...noise, ...noise]) pattern.u8(byte);
  const made = run(compile(pattern), new Float64Array(0), new Uint8Array(0));
  assert.ok(Buffer.from(made).equals(Buffer.concat([noise, noise])));
});
