import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { PlainKernel } from "./plain_kernel.ts";
import { DeflateWriter, randomLengths } from "./testing/deflate_writer.ts";
import { Inflating } from "./testing/inflating.ts";

const roomBytes = 160 * 1024;
const encoder = new TextEncoder();
const random = seededRandom(20_261_122);
const below = (bound: number) => Math.floor(random.float() * bound);

function exposition(lines: number): Uint8Array {
  const line = (_: unknown, i: number) => `shop_requests_total{path="/v1/${i % 97}",code="${i % 5}00"} ${below(1e7)}\n`;
  return encoder.encode(Array.from({ length: lines }, line).join(""));
}

/** Bytes that repeat at all distances, short ones above all. */
function repetitive(bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  for (let at = 0; at < bytes;) {
    const count = Math.min(bytes - at, 1 + below(300));
    const distance = Math.min(at, random.float() < 0.7 ? 1 + below(20) : 1 + below(32_768));
    for (let i = 0; i < count; i++, at++) all[at] = distance === 0 ? below(256) : all[at - distance]!;
  }
  return all;
}

const farApart = random.bytes(32_000);
const texts: Readonly<Record<string, Uint8Array>> = {
  "nothing": new Uint8Array(0),
  "one byte": Uint8Array.of(7),
  "zeros": new Uint8Array(100_000),
  "an exposition": exposition(2000),
  "random bytes": random.bytes(70_000),
  "bytes of a skew distribution": Uint8Array.from({ length: 60_000 }, () => Math.floor(256 * random.float() ** 6)),
  "repetitions": repetitive(120_000),
  "a repetition 32 KB apart": Uint8Array.of(...farApart, ...farApart),
};

const strategies = {
  usual: constants.Z_DEFAULT_STRATEGY,
  filtered: constants.Z_FILTERED,
  huffman: constants.Z_HUFFMAN_ONLY,
  rle: constants.Z_RLE,
  fixed: constants.Z_FIXED,
};

for (const [name, text] of Object.entries(texts)) {
  test(`${name}: inflated as it was, from each level and strategy, with no byte of room to spare`, () => {
    const inflating = new Inflating(roomBytes);
    const check = (options: { level?: number; strategy?: number; memLevel?: number }) => {
      const stream = deflateRawSync(text, options);
      for (const room of [text.length, text.length + 320]) {
        const result = inflating.inflate(stream, room);
        assert.ok(result !== null, JSON.stringify(options));
        assert.equal(Buffer.compare(result.body, text), 0);
        assert.equal(result.codedBytes, stream.length);
      }
      if (text.length > 0) assert.equal(inflating.inflate(stream, text.length - 1), null);
    };
    for (const level of [0, 1, 4, 6, 9]) check({ level });
    for (const strategy of Object.values(strategies)) check({ strategy, memLevel: 1 });
  });
}

test("a stream that is cut anywhere is refused, and what follows one is left", () => {
  const inflating = new Inflating(4096);
  for (const strategy of Object.values(strategies)) {
    const text = exposition(20);
    const stream = deflateRawSync(text, { strategy });
    for (let end = 0; end < stream.length; end++) {
      assert.equal(inflating.inflate(stream.subarray(0, end), text.length + below(400)), null, `${end}`);
    }
    const followed = inflating.inflate(Buffer.concat([stream, random.bytes(50)]), text.length);
    assert.equal(followed?.codedBytes, stream.length);
  }
});

test("streams with changed bits are judged as zlib judges them", () => {
  const inflating = new Inflating(33_000);
  let inflated = 0;
  for (let round = 0; round < 600; round++) {
    const stream = deflateRawSync(round % 2 === 0 ? exposition(1 + below(60)) : repetitive(1 + below(4000)), {
      level: below(10),
      strategy: below(5),
    });
    for (let flips = 1 + below(3); flips > 0; flips--) {
      // The head of the stream is where the codes are.
      const at = random.float() < 0.5 ? below(Math.min(60, stream.length)) : below(stream.length);
      stream[at]! ^= 1 << below(8);
    }
    if (inflating.agrees(stream, 32_768)) inflated++;
  }
  assert.ok(inflated > 20, `${inflated}`);
});

test("random bits are judged as zlib judges them", () => {
  const inflating = new Inflating(8192);
  for (let round = 0; round < 2000; round++) inflating.agrees(random.bytes(1 + below(200)), 8192);
});

test("codes of all shapes, of up to 15 bits, complete or not, are judged as zlib judges them", () => {
  const inflating = new Inflating(roomBytes);
  const before = random.bytes(8000);
  let inflated = 0;
  for (let round = 0; round < 300; round++) {
    const literals = shuffle(randomLengths(random, 2 + below(284)), 286);
    // Most blocks shall end.
    if (literals[256] === 0 || random.float() < 0.5) exchange(literals, 256, longest(literals, 9));
    const distances = shuffle(randomLengths(random, 1 + below(30)), 30);
    if (random.float() < 0.2) distances[below(distances.length)] = below(16);
    if (random.float() < 0.1) literals[below(literals.length)] = below(16);
    if (random.float() < 0.1) distances.fill(0);
    if (random.float() < 0.1) distances.fill(0)[below(distances.length)] = 1;
    const head = new DeflateWriter().stored(before).dynamic(literals, distances).bytes();
    if (inflating.agrees(Buffer.concat([head, random.bytes(3000)]), 120_000)) inflated++;
  }
  assert.ok(inflated > 40, `${inflated}`);
});

/** Spreads lengths over symbols; those without a code have 0. */
function shuffle(lengths: readonly number[], count: number): number[] {
  const all = [...lengths, ...Array.from<number>({ length: count - lengths.length }).fill(0)];
  for (let i = count - 1; i > 0; i--) exchange(all, i, below(i + 1));
  return all;
}

function exchange(values: number[], i: number, j: number): void {
  [values[i], values[j]] = [values[j]!, values[i]!];
}

/** The symbol with the longest code of at most so many bits. */
function longest(lengths: readonly number[], lengthMax: number): number {
  let best = lengths.findIndex((length) => length > 0);
  lengths.forEach((length, i) => {
    if (length <= lengthMax && length > lengths[best]!) best = i;
  });
  return best;
}

test("the farthest distance is 32,768, and none goes beyond the beginning", () => {
  const inflating = new Inflating(roomBytes);
  const stream = (bytes: Uint8Array) =>
    // A fixed block: three bytes (code 257) from a distance of code 29 with all of its 13 extra bits, and the end.
    new DeflateWriter().stored(bytes).number(3, 3).code(1, 7).code(29, 5).number(8191, 13).code(0, 7).bytes();
  const bytes = random.bytes(32_768);
  assert.ok(inflating.agrees(stream(bytes), 40_000));
  assert.equal(inflating.agrees(stream(bytes.subarray(1)), 40_000), false);
  // In the middle of a long input it is the fast loop that judges.
  const padded = (count: number) => Buffer.concat([stream(random.bytes(count)), random.bytes(100)]);
  assert.ok(inflating.agrees(padded(32_768), 40_000));
  assert.equal(inflating.agrees(padded(32_767), 40_000), false);
});

test("a hundred thousand empty blocks are passed in a moment", () => {
  const inflating = new Inflating(roomBytes);
  // Ten bits each: a fixed block that is not the last one, and its end.
  const writer = new DeflateWriter();
  for (let i = 0; i < 100_000; i++) writer.number(2, 3).code(0, 7);
  assert.ok(inflating.agrees(writer.number(3, 3).code(0, 7).bytes(), 0));
});

test("what is not in the kernel's memory is left to others, and so is all without WebAssembly", () => {
  const { inflater, memory } = new Inflating(1024);
  const stream = deflateRawSync("up 1\n");
  assert.equal(inflater.inflate(stream, memory.bytes.subarray(100_000, 100_100)), null);
  assert.equal(inflater.inflate(memory.bytes.subarray(100_000, 100_100), new Uint8Array(100)), null);
  assert.equal(new PlainKernel(65_536).makeInflater(), null);
});
