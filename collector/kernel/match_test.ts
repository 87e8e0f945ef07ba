import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNumber } from "../../core/exposition/number.ts";
import { differs, type Kernel, matched, number, short, tokenBytesMax } from "./kernel.ts";
import { ExpectedFamily, PlacedBody } from "./testing/expected_family.ts";
import { makeKernels } from "./testing/kernels.ts";

const statusNames = ["matched", "short", "differs", "number"] as const;
const cart = ['# TYPE cart gauge\ncart{id="1"} ', '\ncart{id="2"} ', "\n"];

interface Stand {
  readonly status: (typeof statusNames)[number];
  readonly piece: number;
  /** From the body's beginning. */
  readonly at: number;
  readonly values?: readonly number[];
  readonly token?: string;
}

/** Matches a body, of which only the bytes up to `end` are there, with a family. */
function matchOnce(kernel: Kernel, texts: readonly string[], text: string, end = text.length): Stand {
  const family = new ExpectedFamily(kernel, texts);
  const body = new PlacedBody(kernel, text.slice(0, end), text.slice(end));
  const status = kernel.match(family.template, 0, body.at, body.end, family.values);
  const { piece, at, tokenEnd } = kernel.result;
  const stand = { status: statusNames[status], piece, at: at - body.at };
  const token = new TextDecoder().decode(kernel.memory.bytes.subarray(at, tokenEnd));
  family.free();
  body.free();
  if (status === number) return { ...stand, token };
  return status === matched ? { ...stand, values: family.read() } : stand;
}

for (const kernel of makeKernels()) {
  test(`the ${kernel.name} kernel matches a family and says where it ends`, () => {
    const check = (texts: readonly string[], body: string, want: Stand) =>
      assert.deepEqual(matchOnce(kernel, texts, body), want, body);
    const body = '# TYPE cart gauge\ncart{id="1"} 12.5\ncart{id="2"} -0\n';
    const whole = { status: "matched", piece: 2, at: body.length, values: [12.5, -0] } as const;
    check(cart, body, whole);
    check(cart, `${body}next 1\n`, whole);
    check(["# HELP cart of things\n"], "# HELP cart of things\n", { status: "matched", piece: 0, at: 22, values: [] });
    check(["", "\n"], "7\n", { status: "matched", piece: 1, at: 2, values: [7] });
  });

  test(`the ${kernel.name} kernel says which text differs, and where it should begin`, () => {
    const check = (body: string, want: Stand) => assert.deepEqual(matchOnce(kernel, cart, body), want, body);
    check('# TYPE cart gauge\ncart{id="3"} 1\ncart{id="2"} 2\n', { status: "differs", piece: 0, at: 0 });
    check('# TYPE cart gauge\ncart{id="1"} 1\ncart{id="3"} 2\n', { status: "differs", piece: 1, at: 32 });
    check('# TYPE cart gauge\ncart{id="1"} 1\ncart{id="2"}  2\n', { status: "number", piece: 1, at: 46, token: " 2" });
    check('# TYPE cart gauge\ncart{id="1"} 1\n', { status: "short", piece: 1, at: 32 });
    check("# TYPE other", { status: "differs", piece: 0, at: 0 });
  });

  test(`the ${kernel.name} kernel notices a change of any byte of a text`, () => {
    for (const length of [1, 2, 15, 16, 17, 31, 32, 33, 64, 100]) {
      const text = "a".repeat(length);
      assert.equal(matchOnce(kernel, [text, "\n"], `${text}1\n`).status, "matched");
      for (let index = 0; index < length; index++) {
        const other = `${text.slice(0, index)}b${text.slice(index + 1)}1\n`;
        assert.equal(matchOnce(kernel, [text, "\n"], other).status, "differs", other);
        assert.equal(matchOnce(kernel, [text, "\n"], other, index).status, "short", other);
        assert.equal(matchOnce(kernel, [text, "\n"], other, index + 1).status, "differs", other);
      }
    }
  });

  test(`the ${kernel.name} kernel leaves odd values to its caller, and goes on behind them`, () => {
    const body = '# TYPE cart gauge\ncart{id="1"} +Inf\ncart{id="2"} 2\n';
    assert.deepEqual(matchOnce(kernel, cart, body), { status: "number", piece: 0, at: 31, token: "+Inf" });
    for (const odd of ["nan", "-Inf", "1e309", "1.", ".5", "1 1234567", "1\r", "", "x", '1 # {a="b"} 1', "1_0"]) {
      const { status, token } = matchOnce(kernel, ["a ", "\n"], `a ${odd}\n`);
      assert.deepEqual([status, token], ["number", odd]);
    }
  });

  test(`the ${kernel.name} kernel gives up on a token without an end`, () => {
    const check = (tokenBytes: number, isEnded: boolean, status: Stand["status"]) => {
      const body = `a ${"x".repeat(tokenBytes)}${isEnded ? "\n" : ""}`;
      assert.equal(matchOnce(kernel, ["a ", "\n"], body).status, status);
    };
    check(tokenBytesMax, true, "number");
    check(tokenBytesMax, false, "short");
    check(tokenBytesMax + 1, true, "differs");
    check(tokenBytesMax + 1, false, "differs");
    check(2 * tokenBytesMax, true, "differs");
  });

  test(`the ${kernel.name} kernel believes no byte behind the end`, () => {
    const body = 'cart{id="1"} 12.5e1\ncart{id="2"} 3\n';
    const texts = ['cart{id="1"} ', '\ncart{id="2"} ', "\n"];
    for (let end = 0; end < body.length; end++) {
      const { status, piece, at } = matchOnce(kernel, texts, body, end);
      const stands = end < 20 ? [0, 0] : end < 35 ? [1, 19] : [2, 34];
      assert.deepEqual([status, piece, at], ["short", ...stands], String(end));
    }
  });

  test(`the ${kernel.name} kernel answers as a naive matcher does, however bodies are split and changed`, () => {
    fc.assert(fc.property(scenario, (given) => checkAgainstNaive(kernel, given)), { numRuns: 1500 });
  });
}

interface Scenario {
  readonly texts: readonly string[];
  readonly tokens: readonly string[];
  /** Where the body is another than expected, as a share of its length; none when 1 or more. */
  readonly changeAt: number;
  readonly changeTo: string;
  /** Where the body is split, as shares of its length. */
  readonly splits: readonly number[];
}

const textCharacter = fc.constantFrom("a", "b", " ", '"', "{", "1", "\n", "é");
const text = fc.array(textCharacter, { maxLength: 40 }).map((characters) => characters.join(""));
const token = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.constantFrom("NaN", "+Inf", "-Inf", "0.00012783199999999998", "1.234567e+06", "9007199254740993", "1.", "1_0", ""),
);
const scenario: fc.Arbitrary<Scenario> = fc.record({
  texts: fc.array(text, { minLength: 1, maxLength: 6 }).map((texts) =>
    texts.map((content, index) => index === 0 ? content : `\n${content}`)
  ),
  tokens: fc.array(token, { minLength: 6, maxLength: 6 }),
  changeAt: fc.double({ min: 0, max: 2, noNaN: true }),
  changeTo: fc.constantFrom("", "1", "a", "\n", "-", ".", "xyz"),
  splits: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
});

function bodyOf({ texts, tokens, changeAt, changeTo }: Scenario): Uint8Array {
  const body = texts.map((content, index) => index === 0 ? content : `${tokens[index - 1]}${content}`).join("");
  const at = Math.floor(changeAt * body.length);
  const changed = at < body.length ? body.slice(0, at) + changeTo + body.slice(at + 1) : body;
  return new TextEncoder().encode(changed);
}

/** What a match comes to in the end: all values, or the text that differs or that bytes are missing for. */
type Outcome = readonly (string | number)[];

/** By splitting texts: each token ends at the next line feed. What is no number at all differs. */
function matchNaively(texts: readonly string[], body: string): Outcome {
  const values: number[] = [];
  let at = 0;
  for (const [piece, content] of texts.entries()) {
    const there = body.slice(at, at + content.length);
    if (!content.startsWith(there)) return ["differs", piece];
    if (there.length < content.length) return ["short", piece];
    if (piece === texts.length - 1) break;
    const tokenAt = at + content.length;
    at = body.indexOf("\n", tokenAt);
    if (at < 0) return ["short", piece];
    const value = parseNumber(body.slice(tokenAt, at));
    if (typeof value === "string") return ["no number", piece];
    values.push(value);
  }
  return ["matched", ...values];
}

/** Matches chunk by chunk, and asks the oracle for what the kernel leaves to it, as a caller has to. */
function matchChunks(kernel: Kernel, family: ExpectedFamily, body: PlacedBody, ends: readonly number[]): Outcome {
  const { bytes, floats } = kernel.memory;
  let { piece, at } = { piece: 0, at: body.at };
  for (const end of ends) {
    for (;;) {
      const status = kernel.match(family.template, piece, at, end, family.values);
      ({ piece, at } = kernel.result);
      if (status === short) break;
      if (status === matched) return ["matched", ...family.read()];
      if (status === differs) return ["differs", piece];
      const { tokenEnd } = kernel.result;
      const value = parseNumber(String.fromCharCode(...bytes.subarray(at, tokenEnd)));
      if (typeof value === "string") return ["no number", piece];
      floats[(family.values >>> 3) + piece] = value;
      piece++;
      at = tokenEnd;
    }
  }
  return ["short", piece];
}

function checkAgainstNaive(kernel: Kernel, given: Scenario): void {
  const bytes = bodyOf(given);
  // One character for each byte, so that the naive matcher counts as the kernel does.
  const latin = (content: Uint8Array) => String.fromCharCode(...content);
  const texts = given.texts.map((content) => latin(new TextEncoder().encode(content)));
  const family = new ExpectedFamily(kernel, given.texts);
  const body = new PlacedBody(kernel, new TextDecoder().decode(bytes), "1234\n");
  const ends = given.splits.map((share) => body.at + Math.floor(share * bytes.length)).toSorted((a, b) => a - b);
  const outcome = matchChunks(kernel, family, body, [...ends, body.end]);
  family.free();
  body.free();
  assert.deepEqual(outcome, matchNaively(texts, latin(bytes)));
}
