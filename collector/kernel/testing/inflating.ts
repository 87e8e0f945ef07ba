import assert from "node:assert/strict";
import { inflateRawSync } from "node:zlib";
import type { Inflater } from "../../../core/scrape/plain/inflater.ts";
import type { KernelMemory } from "../kernel_memory.ts";
import { openSimdKernel } from "../simd_kernel.ts";

/** What stands around the room, and must stay. */
const guard = 0xa5;
const guardBytes = 512;

/** Inflates within a small kernel, and looks at each byte around: the inflater writes where it may only. */
export class Inflating {
  readonly memory: KernelMemory;
  readonly inflater: Inflater;
  readonly #room: Uint8Array;
  readonly #coded: Uint8Array;

  /** @param roomBytes Most bytes of a stream, inflated; compressed it may have as many. */
  constructor(roomBytes: number) {
    const kernel = openSimdKernel(1024 * 1024);
    const inflater = kernel.makeInflater();
    assert.ok(inflater !== null);
    this.inflater = inflater;
    this.memory = kernel.memory;
    this.#room = this.#take(roomBytes + 2 * guardBytes);
    this.#coded = this.#take(roomBytes + 2 * guardBytes);
  }

  /** A copy of what the stream inflates to, and its length; null when it does not. */
  inflate(stream: Uint8Array, roomBytes: number): { body: Uint8Array; codedBytes: number } | null {
    this.#room.fill(guard);
    this.#coded.fill(guard);
    this.#coded.set(stream, guardBytes);
    const coded = this.#coded.subarray(guardBytes, guardBytes + stream.length);
    const room = this.#room.subarray(guardBytes, guardBytes + roomBytes);
    const result = this.inflater.inflate(coded, room);
    assert.ok(this.#room.subarray(0, guardBytes).every(isGuard), "written before the room");
    assert.ok(this.#room.subarray(guardBytes + roomBytes).every(isGuard), "written behind the room");
    assert.equal(Buffer.compare(coded, stream), 0, "the input is changed");
    return result === null ? null : { body: room.slice(0, result.bytes), codedBytes: result.codedBytes };
  }

  /** Whether a stream inflates: to the same as by zlib, or not at all by both. */
  agrees(stream: Uint8Array, roomBytes: number): boolean {
    const ours = this.inflate(stream, roomBytes);
    let want: Uint8Array | null = null;
    try {
      want = inflateRawSync(stream, { maxOutputLength: Math.max(1, roomBytes) });
    } catch (error) {
      assert.ok(error instanceof Error);
    }
    if (want !== null && want.length > roomBytes) want = null;
    assert.equal(ours === null, want === null, `ours ${ours === null ? "fails" : "inflates"}`);
    if (ours !== null && want !== null) assert.equal(Buffer.compare(ours.body, want), 0, "another answer");
    return ours !== null;
  }

  #take(bytes: number): Uint8Array {
    const at = this.memory.alloc(bytes);
    assert.ok(at !== null);
    return this.memory.bytes.subarray(at, at + bytes);
  }
}

function isGuard(byte: number): boolean {
  return byte === guard;
}
