import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Exposition, ExpositionError } from "./exposition.ts";
import { parseExposition, type TextFormat } from "./parse.ts";
import { arbitraryBody, arbitraryExposition } from "./testing/arbitrary.ts";
import { writeExposition } from "./testing/write.ts";

const formats: readonly TextFormat[] = ["prometheus", "openmetrics"];

function tryParse(body: Uint8Array, format: TextFormat, strict: boolean): Exposition | ExpositionError {
  try {
    return parseExposition(body, format, strict);
  } catch (error) {
    if (error instanceof ExpositionError) return error;
    throw error;
  }
}

/** Asserts that the error points at a byte of the body, or just behind a line. */
function assertPlace(error: ExpositionError, body: Uint8Array): void {
  const lines = Buffer.from(body).toString("latin1").split("\n");
  const line = lines[error.line - 1];
  assert.ok(line !== undefined && error.column >= 1 && error.column <= line.length + 1, error.message);
}

for (const format of formats) {
  test(`${format}: what is written is read back`, () => {
    fc.assert(
      fc.property(arbitraryExposition(format), (exposition) => {
        const body = Buffer.from(writeExposition(exposition, format));
        assert.deepEqual(parseExposition(body, format, false), exposition);
      }),
      { numRuns: 300 },
    );
  });

  test(`${format}: a bad body is refused at one of its bytes and with nothing but ExpositionError`, () => {
    const body = arbitraryBody(format, (exposition) => writeExposition(exposition, format));
    fc.assert(
      fc.property(body, (bytes) => {
        for (const strict of [false, true]) {
          const result = tryParse(bytes, format, strict);
          if (result instanceof ExpositionError) assertPlace(result, bytes);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test(`${format}: what the strict reader takes, the lenient one reads alike, and it can be written again`, () => {
    const body = arbitraryBody(format, (exposition) => writeExposition(exposition, format));
    fc.assert(
      fc.property(body, (bytes) => {
        const strict = tryParse(bytes, format, true);
        const lenient = tryParse(bytes, format, false);
        if (!(strict instanceof ExpositionError)) assert.deepEqual(lenient, strict);
        if (lenient instanceof ExpositionError) return;
        const again = parseExposition(Buffer.from(writeExposition(lenient, format)), format, false);
        assert.deepEqual(again, lenient);
      }),
      { numRuns: 1500 },
    );
  });
}
