import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNumber } from "../../core/exposition/number.ts";
import type { Kernel } from "./kernel.ts";
import { makeKernels, take } from "./testing/kernels.ts";

const lineFeed = 0x0a;

/** Reads tokens by a kernel, each time at the same place, with digits behind that are not its own. */
class Reader {
  readonly #kernel: Kernel;
  readonly #at: number;
  readonly #value: number;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#at = take(kernel, 4096);
    this.#value = take(kernel, 8);
  }

  /** The value; null when the kernel does not read it. */
  read(token: string): number | null {
    const { bytes, floats } = this.#kernel.memory;
    bytes.fill(0x37, this.#at, this.#at + token.length + 64);
    for (let index = 0; index < token.length; index++) bytes[this.#at + index] = token.charCodeAt(index);
    bytes[this.#at + token.length] = lineFeed;
    return this.#kernel.parseNumber(this.#at, this.#at + token.length, this.#value) ? floats[this.#value >>> 3]! : null;
  }
}

/** What a token has to be: read, left to the oracle, or either. */
type Verdict = "read" | "left" | "either";

function checker(kernel: Kernel): (token: string, verdict: Verdict) => void {
  const reader = new Reader(kernel);
  return (token, verdict) => {
    const value = reader.read(token);
    if (verdict === "read") assert.notEqual(value, null, `${kernel.name} reads ${token}`);
    if (verdict === "left") assert.equal(value, null, `${kernel.name} leaves "${token}"`);
    if (value !== null) assert.ok(Object.is(value, parseNumber(token)), `${kernel.name}: ${token} is not ${value}`);
  };
}

const seventeenDigits = [
  "0.1",
  "0.30000000000000004",
  "0.00012783199999999998",
  "12345678901234567",
  "1.7976931348623157e308",
  "2.2250738585072014e-308",
  "8.41e21",
  "9.109383701528e-31",
  "1.234567e+06",
  "6.02214076E23",
];
/** Exactly between two floats, and next to it: David Gay's, and those of Lemire's paper. */
const halfway = [
  "9007199254740991",
  "9007199254740992",
  "9007199254740993",
  "9007199254740995",
  "9007199254740993e1",
  "9007199254740993e-1",
  "4503599627370497.5",
  "4503599627370497.4999",
  "4503599627370497.5001",
  "9223372036854775807",
  "9223372036854776833",
  "1e22",
  "1e23",
  "9.5e22",
  "8.442911973260991817e-19",
  "2.4407093529100000e-15",
  "3.518437208883201171875e13",
  "62.5364939768271845828",
];
const zeros = ["0", "-0", "0.0", "-0.0", "0e5", "-0e-400", "0.0000000000", "00", "007", "-00.50"];
const subnormal = ["5e-324", "2.4703282292062327e-324", "2.2250738585072011e-308", "1e-400", "1e-310", "0.1e-307"];
const longDigits = [
  "1" + "0".repeat(30),
  "123456789012345678901234567890",
  `0.${"0".repeat(40)}1`,
  `0.${"3".repeat(30)}`,
];
const tooLarge = ["1e309", "-1e400", "1.7976931348623159e308", "9".repeat(400), "1e99999"];
const otherNotations = ["+1", "1.", ".5", "-.5", "1.e5", "nan", "NAN", "+Inf", "-Inf", "inf", "Infinity"];
const noNumbers = [
  "",
  "-",
  "--1",
  "1e",
  "1e+",
  "1e-",
  "e5",
  "1_0",
  "0x1",
  "1 ",
  " 1",
  "1\r",
  "1.2.3",
  "1e5.0",
  "1e5e5",
  "1 1234",
];

for (const kernel of makeKernels()) {
  test(`the ${kernel.name} kernel reads decimals as Number does, bit for bit`, () => {
    const check = checker(kernel);
    for (const token of seventeenDigits) check(token, "read");
    for (const token of zeros) check(token, "read");
    check("NaN", "read");
    for (const token of halfway) check(token, token.length > 20 ? "either" : "read");
    for (const token of subnormal) check(token, "either");
    for (const token of longDigits) check(token, "either");
    for (const sign of ["", "-"]) {
      for (let power = -300; power <= 290; power++) {
        check(`${sign}1e${power}`, "read");
        check(`${sign}9007199254740993e${power}`, "read");
        check(`${sign}1.2345678901234567E${power}`, "read");
      }
      for (let digits = 1; digits <= 19; digits++) {
        check(sign + "9".repeat(digits), "read");
        check(`${sign}0.${"7".repeat(digits)}`, "read");
        check(`${sign}${"1234567890123456789".slice(0, digits)}.5`, digits < 19 ? "read" : "either");
      }
    }
  });

  test(`the ${kernel.name} kernel leaves what only the oracle knows: no number, too large, another notation`, () => {
    const check = checker(kernel);
    for (const token of [...tooLarge, ...otherNotations, ...noNumbers]) check(token, "left");
  });

  test(`the ${kernel.name} kernel reads any float as JavaScript and Go write it`, () => {
    const check = checker(kernel);
    const bits = fc.float64Array({ minLength: 1, maxLength: 50, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(bits, (floats) => {
        for (const float of floats) {
          const isNormal = float === 0 || Math.abs(float) > 1e-300;
          // JavaScript pads integers with zeros to 21 digits.
          check(String(float), isNormal && !/[0-9]{20}/.test(String(float)) ? "read" : "either");
          check(float.toExponential(), isNormal ? "read" : "either");
          check(float.toPrecision(17), "either");
          check(Math.trunc(float % 1e15).toString(), "read");
        }
      }),
      { numRuns: 200 },
    );
  });

  test(`the ${kernel.name} kernel rounds what is exactly between two floats to the even one`, () => {
    const check = checker(kernel);
    const odd = fc.bigInt(2n ** 53n, 2n ** 54n - 1n).map((value) => value | 1n);
    const power = fc.integer({ min: 1, max: 22 });
    fc.assert(
      fc.property(odd, power, fc.constantFrom(-1n, 0n, 1n), (between, tens, beside) => {
        check(String((between << BigInt(tens % 9)) + beside), "read");
        // between / 2^n is between * 5^n / 10^n, which has 19 digits up to n = 4.
        const digits = String(between * 5n ** BigInt(tens % 5) + beside);
        check(`${digits}e-${tens % 5}`, digits.length <= 19 ? "read" : "either");
        check(`${(between / 5n ** BigInt(tens)) | 1n}e${tens}`, "read");
      }),
      { numRuns: 2000 },
    );
  });

  test(`the ${kernel.name} kernel never reads what the oracle refuses, nor as anything else`, () => {
    const check = checker(kernel);
    const character = fc.constantFrom(...Array.from("0123456789012345678901234567890.-+eExInfNa_ \r"));
    fc.assert(
      fc.property(fc.array(character, { maxLength: 24 }), (characters) => check(characters.join(""), "either")),
      { numRuns: 5000 },
    );
  });
}
