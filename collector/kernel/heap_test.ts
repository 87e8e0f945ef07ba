import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { Heap } from "./heap.ts";

const start = 64;
const heapBytes = 64 * 1024;

function makeHeap(): Heap {
  return new Heap(new Uint32Array((start + heapBytes) / 4), start, start + heapBytes);
}

test("blocks are at multiples of 16 and never share a byte, in any order of taking and giving back", () => {
  const step = fc.record({ bytes: fc.integer({ min: 0, max: 6000 }), frees: fc.boolean(), which: fc.nat() });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), checkSteps), { numRuns: 300 });
});

interface Step {
  readonly bytes: number;
  /** It gives the block number `which` of those that there are back, instead of taking one. */
  readonly frees: boolean;
  readonly which: number;
}

function checkSteps(steps: readonly Step[]): void {
  const words = new Uint32Array((start + heapBytes) / 4);
  const bytes = new Uint8Array(words.buffer);
  const heap = new Heap(words, start, start + heapBytes);
  const blocks: { at: number; bytes: number; mark: number }[] = [];
  const release = (index: number) => {
    const [block] = blocks.splice(index, 1);
    assert.ok(block !== undefined);
    assert.ok(bytes.subarray(block.at, block.at + block.bytes).every((byte) => byte === block.mark));
    // Zeros would look like a free block's end of the list by chance.
    bytes.fill(0xff, block.at, block.at + block.bytes);
    heap.free(block.at);
  };
  for (const [index, step] of steps.entries()) {
    if (step.frees && blocks.length > 0) {
      release(step.which % blocks.length);
      continue;
    }
    const at = heap.alloc(step.bytes);
    if (at === null) continue;
    assert.equal(at % 16, 0);
    assert.ok(at >= start && at + step.bytes <= start + heapBytes);
    const mark = index % 251;
    bytes.fill(mark, at, at + step.bytes);
    blocks.push({ at, bytes: step.bytes, mark });
  }
  while (blocks.length > 0) release(0);
  assert.equal(heap.usedBytes, 0);
  // All of it is one block again.
  assert.notEqual(heap.alloc(heapBytes - 16), null);
}

test("what is more than there is room for is null, and the rest stays usable", () => {
  const heap = makeHeap();
  assert.equal(heap.alloc(heapBytes), null);
  assert.equal(heap.alloc(2 ** 40), null);
  const large = heap.alloc(heapBytes - 2048);
  assert.ok(large !== null);
  assert.equal(heap.alloc(2048), null);
  assert.notEqual(heap.alloc(1024), null);
  heap.free(large);
  assert.notEqual(heap.alloc(heapBytes - 2048), null);
});

test("blocks of many sizes, taken and given back at random, leave little of the memory unusable", () => {
  const bytesMax = 16 * 1024 * 1024;
  const heap = new Heap(new Uint32Array((start + bytesMax) / 4), start, start + bytesMax);
  let state = 7;
  const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  const blocks: number[] = [];
  const sharesWhenFull: number[] = [];
  while (sharesWhenFull.length < 500) {
    // 1 KB to 256 KB, small ones more often.
    const at = heap.alloc(Math.floor(1024 * 2 ** (8 * random() ** 2)));
    if (at !== null) {
      blocks.push(at);
      continue;
    }
    sharesWhenFull.push(heap.usedBytes / bytesMax);
    for (let count = Math.ceil(blocks.length / 10); count > 0; count--) {
      const [block] = blocks.splice(Math.floor(random() * blocks.length), 1);
      if (block !== undefined) heap.free(block);
    }
  }
  const mean = sharesWhenFull.reduce((sum, share) => sum + share, 0) / sharesWhenFull.length;
  assert.ok(mean > 0.8, `${mean} of the memory is in use when a block finds no room`);
});

test("giving back what is no block is refused", () => {
  const heap = makeHeap();
  const at = heap.alloc(100);
  assert.ok(at !== null);
  heap.free(at);
  const refused = /Cannot free block "[0-9]+": no block in use is there/;
  assert.throws(() => heap.free(at), refused);
  assert.throws(() => heap.free(at + 8), refused);
  assert.throws(() => heap.free(0), refused);
  assert.throws(() => heap.free(start + 2 * heapBytes), refused);
});
