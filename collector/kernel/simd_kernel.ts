import { readFileSync } from "node:fs";
import type { Kernel, MatchStatus } from "./kernel.ts";
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
  const module = new api.Module(readFileSync(new URL("./kernel.wasm", import.meta.url)));
  const pages = bytes / pageBytes;
  // A memory that grows detaches all views of it; pages that nobody has touched cost nothing.
  const memory = new api.Memory({ initial: pages, maximum: pages });
  const { exports } = new api.Instance(module, { env: { memory } });
  return new SimdKernel(new KernelMemory(memory.buffer), exports as unknown as Exports);
}

class SimdKernel implements Kernel {
  readonly name = "simd";
  readonly memory: KernelMemory;
  readonly result: ResultView;
  readonly #match: Exports["match"];
  readonly #parseNumber: Exports["parseNumber"];

  constructor(memory: KernelMemory, exports: Exports) {
    this.memory = memory;
    this.result = new ResultView(memory.words);
    this.#match = exports.match;
    this.#parseNumber = exports.parseNumber;
  }

  match(template: number, piece: number, at: number, end: number, values: number): MatchStatus {
    return this.#match(template, piece, at, end, values);
  }

  parseNumber(at: number, end: number, value: number): boolean {
    return this.#parseNumber(at, end, value) !== 0;
  }
}
