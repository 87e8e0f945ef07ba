import { parseNumber } from "../../core/exposition/number.ts";
import { type Kernel, matched, number } from "../kernel/kernel.ts";
import { ExpectationCache } from "./expectation.ts";
import { type Template, TemplateStore } from "./template_store.ts";

/** What share of the kernel's memory templates may take; the rest is for bodies and values. */
const templatesShare = 0.6;
/** Room in the kernel's memory grows by whole steps of this, in bytes. */
const roomStepBytes = 64 * 1024;

/** How the bodies were read: matched whole, parsed in part, or parsed whole. */
export interface MatchCounts {
  matched: number;
  partly: number;
  parsed: number;
}

/**
 * What all targets of a process share for matching: the kernel with its memory, the templates, and room for one body
 * and its values. Calls never overlap, since matching waits for nothing.
 */
export class Matching {
  readonly kernel: Kernel;
  readonly templates: TemplateStore;
  readonly expectations: ExpectationCache;
  readonly counts: MatchCounts = { matched: 0, partly: 0, parsed: 0 };
  readonly #body: Room;
  readonly #values: Room;

  /** @param templateBytesMax Default: three fifths of the kernel's memory. */
  constructor(kernel: Kernel, templateBytesMax: number = Math.floor(kernel.memory.bytesMax * templatesShare)) {
    this.kernel = kernel;
    this.templates = new TemplateStore(kernel.memory, templateBytesMax);
    this.expectations = new ExpectationCache(this.templates);
    this.#body = new Room(kernel);
    this.#values = new Room(kernel);
  }

  /**
   * The address of the body in the kernel's memory, where it is copied if it is not there yet; null when there is no
   * room. The copy is good until the next call.
   */
  place(body: Uint8Array): number | null {
    const { bytes } = this.kernel.memory;
    if (body.buffer === bytes.buffer) return body.byteOffset;
    const address = this.#body.atLeast(body.length);
    if (address !== null) bytes.set(body, address);
    return address;
  }

  /** The address of room for so many values, until the next call; null when there is none. */
  placeValues(count: number): number | null {
    return this.#values.atLeast(count * 8);
  }

  /** So many values from an address on, as a view. */
  valuesAt(address: number, count: number): Float64Array<ArrayBuffer> {
    return this.kernel.memory.floats.subarray(address >>> 3, (address >>> 3) + count);
  }

  /**
   * Reads the family of a template between the addresses `at` and `end`, and its values to the address `values`.
   * @returns the address behind it; -1 when it is not there, or one of its values is no number.
   */
  matchFamily({ address }: Template, at: number, end: number, values: number): number {
    const { kernel } = this;
    const { result } = kernel;
    let piece = 0;
    for (;;) {
      const status = kernel.match(address, piece, at, end, values);
      if (status === matched) return result.at;
      if (status !== number) return -1;
      const { tokenEnd } = result;
      piece = result.piece + 1;
      const value = this.#parse(result.at, tokenEnd);
      if (value === null) return -1;
      kernel.memory.floats[(values >>> 3) + piece - 1] = value;
      at = tokenEnd;
    }
  }

  /** The number that the kernel does not read itself, such as "NaN"; null when it is none. */
  #parse(at: number, end: number): number | null {
    const { bytes } = this.kernel.memory;
    // Summaries without observations are full of it.
    if (end - at === 3 && bytes[at] === 0x4e && bytes[at + 1] === 0x61 && bytes[at + 2] === 0x4e) return NaN;
    const value = parseNumber(Buffer.from(bytes.buffer, at, end - at).toString("latin1"));
    return typeof value === "number" ? value : null;
  }
}

/** A block of the kernel's memory that grows as it is needed. */
class Room {
  readonly #kernel: Kernel;
  #address: number | null = null;
  #bytes = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** The address of at least so many bytes; what was there is lost when it grows. Null when there is no room. */
  atLeast(bytes: number): number | null {
    if (this.#address !== null && this.#bytes >= bytes) return this.#address;
    const { memory } = this.#kernel;
    if (this.#address !== null) memory.free(this.#address);
    this.#bytes = Math.ceil(Math.max(1, bytes) * 1.25 / roomStepBytes) * roomStepBytes;
    this.#address = memory.alloc(this.#bytes);
    return this.#address;
  }
}
