import type { Kernel } from "../kernel.ts";
import { writeTemplate } from "../template.ts";
import { take } from "./kernels.ts";

const encoder = new TextEncoder();

/** A family in a kernel's memory, and a place for its values. */
export class ExpectedFamily {
  readonly kernel: Kernel;
  readonly template: number;
  readonly valueCount: number;
  readonly values: number;

  /** @param texts What is before, between and behind the values. */
  constructor(kernel: Kernel, texts: readonly string[]) {
    const parts = texts.map((text) => encoder.encode(text));
    const template = writeTemplate(kernel.memory, encoder.encode(texts.join("")), parts.map(({ length }) => length));
    if (template === null) throw new Error("Cannot place the template: no memory is left");
    this.kernel = kernel;
    this.template = template;
    this.valueCount = texts.length - 1;
    this.values = take(kernel, 8 * texts.length);
  }

  /** The first `count` values. */
  read(count = this.valueCount): number[] {
    const { floats } = this.kernel.memory;
    return Array.from(floats.subarray(this.values >>> 3, (this.values >>> 3) + count));
  }

  free(): void {
    this.kernel.memory.free(this.template);
    this.kernel.memory.free(this.values);
  }
}

/** A body in a kernel's memory, followed by bytes that are not its own. */
export class PlacedBody {
  readonly kernel: Kernel;
  readonly at: number;
  readonly end: number;

  constructor(kernel: Kernel, text: string, behind = "") {
    const bytes = encoder.encode(text);
    const rest = encoder.encode(behind);
    this.kernel = kernel;
    this.at = take(kernel, bytes.length + rest.length);
    this.end = this.at + bytes.length;
    kernel.memory.bytes.set(bytes, this.at);
    kernel.memory.bytes.set(rest, this.end);
  }

  free(): void {
    this.kernel.memory.free(this.at);
  }
}
