import type { Kernel } from "../kernel.ts";
import { PlainKernel } from "../plain_kernel.ts";
import { openSimdKernel } from "../simd_kernel.ts";

const memoryBytes = 1024 * 1024;

/** A new kernel of each kind, with little memory. */
export function makeKernels(): Kernel[] {
  return [new PlainKernel(memoryBytes), openSimdKernel(memoryBytes)];
}

/** Takes memory that has to be there. */
export function take(kernel: Kernel, bytes: number): number {
  const at = kernel.memory.alloc(bytes);
  if (at === null) throw new Error(`Cannot take ${bytes} bytes of the kernel's memory: none are left`);
  return at;
}
