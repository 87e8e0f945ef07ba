import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { BinaryExpositionError, type Exposition } from "../exposition.ts";
import { arbitraryBadProtobuf, arbitraryProtobuf } from "../testing/arbitrary_protobuf.ts";
import { naiveSamples } from "../testing/naive_protobuf.ts";
import { parseProtobuf } from "./parse.ts";

/** Reads the body, and checks that it is either taken or refused at one of its bytes. fast-check prints the seed. */
function tryParse(body: Uint8Array, strict: boolean): Exposition | null {
  try {
    return parseProtobuf(body, { strict });
  } catch (error) {
    if (!(error instanceof BinaryExpositionError)) throw error;
    assert.ok(error.byteOffset >= 0 && error.byteOffset <= body.length, error.message);
    return null;
  }
}

function samplesOf({ families }: Exposition) {
  return families.flatMap(({ samples }) => samples.map(({ name, labels, value }) => ({ name, labels, value })));
}

test("protobuf: what is written is read as the naive reader reads it", () => {
  fc.assert(
    fc.property(arbitraryProtobuf, (body) => {
      assert.deepEqual(samplesOf(parseProtobuf(body)), naiveSamples(body));
    }),
    { numRuns: 400 },
  );
});

test("protobuf: a bad body is refused at one of its bytes, or read as the naive reader reads it", () => {
  let taken = 0;
  let refused = 0;
  fc.assert(
    fc.property(arbitraryBadProtobuf, (body) => {
      const exposition = tryParse(body, false);
      if (exposition === null) refused++;
      else {
        taken++;
        assert.deepEqual(samplesOf(exposition), naiveSamples(body));
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(taken > 100 && refused > 100, `${taken} were taken and ${refused} refused`);
});

test("protobuf: what the strict reader takes, the lenient one reads alike", () => {
  fc.assert(
    fc.property(fc.oneof(arbitraryProtobuf, arbitraryBadProtobuf), (body) => {
      const strict = tryParse(body, true);
      if (strict !== null) assert.deepEqual(withoutEmpty(strict), tryParse(body, false));
    }),
    { numRuns: 500 },
  );
});

/** The strict reader keeps families without metrics, to check them. */
function withoutEmpty({ families }: Exposition): Exposition {
  return { families: families.filter(({ samples }) => samples.length > 0) };
}

test("protobuf: every beginning of a body is refused, or is a body of fewer families", () => {
  fc.assert(
    fc.property(arbitraryProtobuf, (body) => {
      const whole = samplesOf(parseProtobuf(body)).length;
      for (let end = 0; end < body.length; end++) {
        const exposition = tryParse(body.subarray(0, end), false);
        if (exposition !== null) assert.ok(samplesOf(exposition).length < whole || whole === 0);
      }
    }),
    { numRuns: 15 },
  );
});
