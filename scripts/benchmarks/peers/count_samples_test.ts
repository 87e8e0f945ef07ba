import assert from "node:assert/strict";
import { test } from "node:test";
import { countSamples } from "./count_samples.ts";

/** A field whose value is bytes, shorter than 128. */
function bytesField(number: number, value: readonly number[]): number[] {
  return [number << 3 | 2, value.length, ...value];
}

function textField(number: number, text: string): number[] {
  return bytesField(number, [...new TextEncoder().encode(text)]);
}

/** A sample with these bytes as its value, and the time 300. */
function sampleField(value: readonly number[]): number[] {
  return bytesField(2, [1 << 3 | 1, ...value, 2 << 3, 0xac, 0x02]);
}

const one = [0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
const stale = [2, 0, 0, 0, 0, 0, 0xf0, 0x7f];
const otherNaN = [1, 0, 0, 0, 0, 0, 0xf8, 0x7f];

function label(name: string, value: string): number[] {
  return bytesField(1, [...textField(1, name), ...textField(2, value)]);
}

test("samples of 1.0 are counted by the series' name, wherever its label stands", () => {
  const request = [
    ...bytesField(1, [...label("__name__", "bench_a"), ...sampleField(one), ...sampleField(otherNaN)]),
    ...bytesField(1, [...label("Az", "bench_no"), ...label("__name__", "bench_b"), ...sampleField(stale)]),
    ...bytesField(1, [...label("__name__", "up"), ...label("pod", "bench_c"), ...sampleField(one)]),
    ...bytesField(3, [1, 2, 3]),
  ];
  assert.deepEqual(countSamples(Uint8Array.from(request), 1), { samples: 2, stale: 1, others: 1 });
});

test("a sample of 1.0 without a value, which is zero, counts", () => {
  const zero = bytesField(2, [2 << 3, 0xac, 0x02]);
  const request = bytesField(1, [...label("__name__", "bench_a"), ...zero]);
  assert.deepEqual(countSamples(Uint8Array.from(request), 1), { samples: 1, stale: 0, others: 0 });
});

test("samples of 2.0 are counted by what their references mean", () => {
  const symbols = ["", "__name__", "bench_a", "up", "pod"].flatMap((text) => textField(4, text));
  const request = [
    ...symbols,
    ...bytesField(5, [...bytesField(1, [4, 3, 1, 2]), ...sampleField(one), ...sampleField(stale)]),
    ...bytesField(5, [...bytesField(1, [1, 3, 4, 2]), ...sampleField(one)]),
  ];
  assert.deepEqual(countSamples(Uint8Array.from(request), 2), { samples: 1, stale: 1, others: 1 });
});

test("a request that is cut off is refused, wherever it is cut", () => {
  const request = Uint8Array.from(bytesField(1, [...label("__name__", "bench_a"), ...sampleField(one)]));
  for (let end = 1; end < request.length; end++) {
    assert.throws(() => countSamples(request.subarray(0, end), 1), RangeError, `cut at ${end}`);
  }
});
