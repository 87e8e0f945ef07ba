import { createHash } from "node:crypto";
import type { KernelMemory } from "../kernel/kernel_memory.ts";
import { templateBytes, writeTemplate } from "../kernel/template.ts";

/** The text of one family without its values, in the kernel's memory: one for all targets that expose it. */
export interface Template {
  /** SHA-256 of its content. */
  readonly key: string;
  /** Where it is in the kernel's memory. */
  readonly address: number;
  readonly valueCount: number;
  readonly bytes: number;
  /** By what its first line is found in another body; see `headOf`. */
  readonly head: string;
  /** For the store alone. */
  users: number;
}

/** What a template takes besides its bytes in the kernel's memory, and its head. */
const entryBytes = 300;

/**
 * Templates by content. Those that nobody uses are kept for a family that comes back, and go when room is needed, the
 * longest unused first. Those in use stay: when there is no more room others are not learnt, since replacing each
 * other in turns would be learning for nothing.
 */
export class TemplateStore {
  readonly #memory: KernelMemory;
  /** Most bytes of all templates. */
  readonly bytesMax: number;
  readonly #templates = new Map<string, Template>();
  /** In the order in which they came out of use. */
  readonly #unused = new Set<Template>();
  #bytes = 0;

  constructor(memory: KernelMemory, bytesMax: number) {
    this.#memory = memory;
    this.bytesMax = bytesMax;
  }

  /** Bytes of all templates. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#templates.size;
  }

  /**
   * The template of this content, with one more user.
   * @param texts and `textBytes`: as `writeTemplate` has them.
   * @returns null when there is no room.
   */
  take(texts: Uint8Array, textBytes: Uint32Array, head: string): Template | null {
    const lengths = new Uint8Array(textBytes.buffer, textBytes.byteOffset, textBytes.byteLength);
    const key = createHash("sha256").update(lengths).update(texts).digest("base64");
    const known = this.#templates.get(key);
    if (known !== undefined) {
      this.use(known);
      return known;
    }
    const valueCount = textBytes.length - 1;
    const bytes = templateBytes(valueCount, texts.length) + entryBytes + head.length;
    const address = this.#write(texts, textBytes, bytes);
    if (address === null) return null;
    const template = { key, address, valueCount, bytes, head, users: 1 };
    this.#templates.set(key, template);
    this.#bytes += bytes;
    return template;
  }

  /** Counts one more user. */
  use(template: Template): void {
    if (template.users++ === 0) this.#unused.delete(template);
  }

  /** Counts one user less. */
  release(template: Template): void {
    if (template.users === 0) throw new Error("a template was released more often than it was taken");
    if (--template.users === 0) this.#unused.add(template);
  }

  #write(texts: Uint8Array, textBytes: Uint32Array, bytes: number): number | null {
    while (this.#bytes + bytes > this.bytesMax) if (!this.#dropUnused()) return null;
    for (;;) {
      const address = writeTemplate(this.#memory, texts, textBytes);
      if (address !== null || !this.#dropUnused()) return address;
    }
  }

  #dropUnused(): boolean {
    for (const template of this.#unused) {
      this.#unused.delete(template);
      this.#templates.delete(template.key);
      this.#memory.free(template.address);
      this.#bytes -= template.bytes;
      return true;
    }
    return false;
  }
}
