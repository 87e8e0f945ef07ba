import assert from "node:assert/strict";
import { test } from "node:test";
import type { WalSegment } from "../wal/wal.ts";
import { retentionCut } from "./retention.ts";

/** Segments of 100 bytes, the newest record of each a minute after that of the one before. */
function segmentsOf(count: number): WalSegment[] {
  return Array.from({ length: count }, (_, index) => ({
    segment: index + 1,
    start: { segment: index + 1, offset: 32, entry: index * 10 },
    end: { segment: index + 1, offset: 100, entry: (index + 1) * 10 },
    bytes: 100,
    newestAppendedMs: index * 60_000,
  }));
}

function cutAt(count: number, limits: { bytes?: number; ageMs?: number }, wallMs = 0): number | undefined {
  return retentionCut(segmentsOf(count), { bytes: Infinity, ageMs: Infinity, ...limits }, wallMs)?.segment;
}

test("a log within its limits is left alone", () => {
  assert.equal(cutAt(3, { bytes: 300 }), undefined);
  assert.equal(cutAt(0, { bytes: 0 }), undefined);
});

test("the oldest segments go while there are too many bytes, the newest never", () => {
  assert.equal(cutAt(3, { bytes: 299 }), 2);
  assert.equal(cutAt(5, { bytes: 200 }), 4);
  assert.equal(cutAt(3, { bytes: 1 }), 3);
  assert.equal(cutAt(1, { bytes: 1 }), undefined);
});

test("segments whose newest record is too old go", () => {
  assert.equal(cutAt(5, { ageMs: 60_000 }, 3 * 60_000), 3);
  assert.equal(cutAt(5, { ageMs: 60_000 }, 99 * 60_000), 5);
});
