import type { KernelMemory } from "./kernel_memory.ts";
import { textsOffset } from "./layout.ts";

/** The bytes of kernel memory that a template takes, without what the allocator adds. */
export function templateBytes(valueCount: number, literalBytes: number): number {
  return textsOffset(valueCount) + literalBytes;
}

/**
 * Writes a family's template into the kernel's memory.
 *
 * @param texts What is in a family before, between and behind its values, one behind the other.
 * @param textBytes The bytes of each text: one more than there are values. Each text but the first begins with a line
 * feed, since that is where the kernel takes a value's token to end.
 * @returns The template's address, for `match` and `memory.free`; null when the memory is used up.
 */
export function writeTemplate(memory: KernelMemory, texts: Uint8Array, textBytes: ArrayLike<number>): number | null {
  const valueCount = textBytes.length - 1;
  const template = memory.alloc(templateBytes(valueCount, texts.length));
  if (template === null) return null;
  const words = memory.words.subarray(template >>> 2, (template >>> 2) + 2 + textBytes.length);
  words[0] = valueCount;
  words[1] = texts.length;
  let textEnd = 0;
  for (let index = 0; index <= valueCount; index++) words[2 + index] = textEnd += textBytes[index]!;
  memory.bytes.set(texts, template + textsOffset(valueCount));
  return template;
}
