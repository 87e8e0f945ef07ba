import { unit } from "./pattern.ts";
import type { Program } from "./program.ts";

/** Units that are compiled in one go; about a tenth of a millisecond. */
const sliceUnits = 8 * 1024;
const hashBits = 15;
const matchUnitsMin = 4;
const matchUnitsMax = 1 << 16;
const offsetMax = 0xffff;

/**
 * Compiles a pattern by a greedy parse. Bytes that are not known yet match where they are sure to be equal: byte 3 of
 * the parameters is equal to byte 3 of the parameters, and a value to nothing. Yields between slices of work.
 */
export function* compileProgram(units: Uint16Array): Generator<void, Program> {
  const compiler = new Compiler(units);
  while (!compiler.step(sliceUnits)) yield;
  return compiler.finish();
}

class Compiler {
  readonly #units: Uint16Array;
  /** The last position with units of this hash, plus one; 0 for none. */
  readonly #positions = new Uint32Array(1 << hashBits);
  readonly #valueAt: number[] = [];
  readonly #pairs: number[] = [];
  readonly #singles: number[] = [];
  #code = new Uint8Array(1024);
  #length = 0;
  #at = 0;
  /** From here on it is not written yet. */
  #literalFrom = 0;
  #offset = 0;
  #matched = 0;

  constructor(units: Uint16Array) {
    this.#units = units;
  }

  /** Does at least `count` units; whether all are done. */
  step(count: number): boolean {
    const end = Math.min(this.#units.length - matchUnitsMin + 1, this.#at + count);
    while (this.#at < end) {
      this.#find();
      if (this.#matched === 0) {
        this.#remember(this.#at++);
        continue;
      }
      this.#literal(this.#literalFrom, this.#at);
      this.#copy(this.#offset, this.#matched);
      const matchEnd = this.#at + this.#matched;
      const hashEnd = Math.min(matchEnd, this.#units.length - matchUnitsMin + 1);
      while (this.#at < hashEnd) this.#remember(this.#at++);
      this.#at = matchEnd;
      this.#literalFrom = matchEnd;
    }
    return this.#at >= this.#units.length - matchUnitsMin + 1;
  }

  finish(): Program {
    this.#literal(this.#literalFrom, this.#units.length);
    return {
      code: this.#code.slice(0, this.#length),
      valueAt: Uint32Array.from(this.#valueAt),
      pairs: Uint32Array.from(this.#pairs),
      singles: Uint32Array.from(this.#singles),
      messageBytes: this.#units.length,
    };
  }

  /** Sets the match at the present position that saves most: as far back as the last one, or where its hash was last. */
  #find(): void {
    const lastOffset = this.#offset;
    this.#matched = 0;
    let saved = 0;
    if (lastOffset > 0) {
      const matched = this.#matchAt(this.#at - lastOffset);
      saved = savedBytes(matched, lastOffset);
      if (saved > 0) this.#matched = matched;
    }
    const position = this.#positions[this.#hash(this.#at)] as number;
    const offset = this.#at - position + 1;
    if (position === 0 || offset === lastOffset || offset > offsetMax) return;
    const matched = this.#matchAt(position - 1);
    if (savedBytes(matched, offset) <= saved) return;
    this.#matched = matched;
    this.#offset = offset;
  }

  #matchAt(from: number): number {
    const units = this.#units;
    const at = this.#at;
    const end = Math.min(units.length - at, matchUnitsMax);
    let count = 0;
    while (count < end && units[at + count] === units[from + count] && (units[at + count] as number) < unit.value) {
      count++;
    }
    return count;
  }

  #remember(at: number): void {
    this.#positions[this.#hash(at)] = at + 1;
  }

  #hash(at: number): number {
    const units = this.#units;
    const first = (units[at] as number) | (units[at + 1] as number) << 16;
    const second = (units[at + 2] as number) | (units[at + 3] as number) << 16;
    return (Math.imul(first, 0x9e37_79b1) + Math.imul(second, 0x85eb_ca6b) ^ Math.imul(second, 0xc2b2_ae35) >>> 13)
      >>> (32 - hashBits);
  }

  #literal(from: number, to: number): void {
    if (from === to) return;
    this.#reserve(to - from + 5);
    const code = this.#code;
    const last = to - from - 1;
    if (last < 60) code[this.#length++] = last << 2;
    else {
      const lengthBytes = last < 2 ** 8 ? 1 : last < 2 ** 16 ? 2 : last < 2 ** 24 ? 3 : 4;
      code[this.#length++] = (59 + lengthBytes) << 2;
      for (let index = 0; index < lengthBytes; index++) code[this.#length++] = last >>> index * 8;
    }
    const start = this.#length - from;
    for (let index = from; index < to; index++) {
      const one = this.#units[index] as number;
      if (one < unit.parameter) code[start + index] = one;
      else if (one === unit.valueFirst) this.#valueAt.push(start + index);
      else if (one < unit.value) {
        const isPair = index + 1 < to && this.#units[index + 1] === one + 1 && one + 1 < unit.value;
        (isPair ? this.#pairs : this.#singles).push(start + index, one - unit.parameter);
        if (isPair) index++;
      }
    }
    this.#length += to - from;
  }

  #copy(offset: number, length: number): void {
    this.#reserve(3 * Math.ceil(length / 60) + 3);
    let rest = length;
    for (; rest >= 68; rest -= 64) this.#copy2(offset, 64);
    if (rest > 64) {
      this.#copy2(offset, 60);
      rest -= 60;
    }
    if (rest >= 4 && rest <= 11 && offset < 2 ** 11) {
      this.#code[this.#length++] = 1 | (rest - 4) << 2 | offset >>> 8 << 5;
      this.#code[this.#length++] = offset;
    } else this.#copy2(offset, rest);
  }

  #copy2(offset: number, length: number): void {
    this.#code[this.#length++] = 2 | (length - 1) << 2;
    this.#code[this.#length++] = offset;
    this.#code[this.#length++] = offset >>> 8;
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#code.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#code.length * 2));
    larger.set(this.#code.subarray(0, this.#length));
    this.#code = larger;
  }
}

/** What a copy saves against literal bytes, with the tag of the literal that comes after it. */
function savedBytes(length: number, offset: number): number {
  if (length < matchUnitsMin) return 0;
  const copyBytes = length <= 11 && offset < 2 ** 11 ? 2 : 3 * Math.ceil(length / 64);
  return length - copyBytes - 1;
}
