import type { Inflated, Inflater } from "../../core/scrape/plain/inflater.ts";
import { inflateWorkBytes, writeInflateTables } from "./inflate_layout.ts";
import type { KernelMemory } from "./kernel_memory.ts";

/** What the module exports: `assembly/inflate.ts`. Addresses; -1 when it does not succeed. */
export interface InflateExports {
  readonly prepare: (work: number) => void;
  readonly inflate: (work: number, at: number, end: number, out: number, outEnd: number) => number;
}

/** Inflates from the kernel's memory into the kernel's memory, and makes no garbage. */
export class KernelInflater implements Inflater {
  readonly #memory: KernelMemory;
  readonly #inflate: InflateExports["inflate"];
  readonly #work: number;
  readonly #result = { codedBytes: 0, bytes: 0 };

  /** @param work The address of its own {@link inflateWorkBytes}, which stay its own. */
  constructor(memory: KernelMemory, work: number, exports: InflateExports) {
    this.#memory = memory;
    this.#work = work;
    this.#inflate = exports.inflate;
    writeInflateTables(memory.bytes.subarray(work, work + inflateWorkBytes));
    exports.prepare(work);
  }

  inflate(coded: Uint8Array, body: Uint8Array): Inflated | null {
    const { bytes, words } = this.#memory;
    if (coded.buffer !== bytes.buffer || body.buffer !== bytes.buffer) return null;
    const at = coded.byteOffset;
    const out = body.byteOffset;
    const count = this.#inflate(this.#work, at, at + coded.length, out, out + body.length);
    if (count < 0) return null;
    this.#result.codedBytes = words[this.#work >>> 2]! - at;
    this.#result.bytes = count;
    return this.#result;
  }
}
