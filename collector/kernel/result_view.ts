import type { MatchResult } from "./kernel.ts";
import { resultAt } from "./layout.ts";

/** Reads the result out of the memory, so that no call makes an object. */
export class ResultView implements MatchResult {
  readonly #words: Uint32Array;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  get piece(): number {
    return this.#words[resultAt >>> 2]!;
  }

  get at(): number {
    return this.#words[(resultAt >>> 2) + 1]!;
  }

  get tokenEnd(): number {
    return this.#words[(resultAt >>> 2) + 2]!;
  }
}
