import { readFileSync } from "node:fs";
import type { Inflater } from "../../core/scrape/plain/inflater.ts";
import { inflateWorkBytes } from "./inflate_layout.ts";
import type { Kernel, MatchStatus } from "./kernel.ts";
import { type InflateExports, KernelInflater } from "./kernel_inflater.ts";
import { KernelMemory } from "./kernel_memory.ts";
import { ResultView } from "./result_view.ts";
import { pageBytes, webAssembly } from "./web_assembly.ts";

/** What the module exports: `assembly/kernel.ts`. */
interface Exports {
  readonly match: Kernel["match"];
  readonly parseNumber: (at: number, end: number, value: number) => number;
}

/**
 * The kernel in WebAssembly.
 *
 * @param bytes How large its memory is: a multiple of 64 KiB.
 * Throws where there is no WebAssembly, no SIMD, or no address space for the memory.
 */
export function openSimdKernel(bytes: number): Kernel {
  const api = webAssembly();
  const pages = bytes / pageBytes;
  // A memory that grows detaches all views of it; pages that nobody has touched cost nothing.
  const memory = new api.Memory({ initial: pages, maximum: pages });
  const instantiate = (file: string): object => {
    const module = new api.Module(readFileSync(new URL(file, import.meta.url)));
    return new api.Instance(module, { env: { memory } }).exports;
  };
  const matching = instantiate("./kernel.wasm") as Exports;
  return new SimdKernel(
    new KernelMemory(memory.buffer),
    matching,
    () => instantiate("./inflate.wasm") as InflateExports,
  );
}

class SimdKernel implements Kernel {
  readonly name = "simd";
  readonly memory: KernelMemory;
  readonly result: ResultView;
  readonly #match: Exports["match"];
  readonly #parseNumber: Exports["parseNumber"];

  readonly #loadInflate: () => InflateExports;

  constructor(memory: KernelMemory, exports: Exports, loadInflate: () => InflateExports) {
    this.memory = memory;
    this.result = new ResultView(memory.words);
    this.#match = exports.match;
    this.#parseNumber = exports.parseNumber;
    this.#loadInflate = loadInflate;
  }

  match(template: number, piece: number, at: number, end: number, values: number): MatchStatus {
    return this.#match(template, piece, at, end, values);
  }

  parseNumber(at: number, end: number, value: number): boolean {
    return this.#parseNumber(at, end, value) !== 0;
  }

  makeInflater(): Inflater | null {
    const work = this.memory.alloc(inflateWorkBytes);
    return work === null ? null : new KernelInflater(this.memory, work, this.#loadInflate());
  }
}
