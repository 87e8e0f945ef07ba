import type { Logger } from "../../core/telemetry/log.ts";
import type { Kernel } from "./kernel.ts";
import { kernelBytesDefault } from "./kernel_memory.ts";
import { PlainKernel } from "./plain_kernel.ts";
import { openSimdKernel } from "./simd_kernel.ts";
import { pageBytes } from "./web_assembly.ts";

/** Above this an address would not be a positive 32-bit integer. */
const kernelBytesMax = 1024 * 1024 * 1024;

/**
 * Makes the fastest kernel that this machine runs, and says in the log when that is the plain one.
 *
 * @param bytes How large its memory is, {@link kernelBytesDefault} by default: rounded up to 64 KiB, at most 1 GiB.
 * @param openFast The kernel to try first. Default: the one in WebAssembly.
 */
export function openKernel(log: Logger, bytes = kernelBytesDefault, openFast = openSimdKernel): Kernel {
  const wanted = Math.max(1, Math.min(bytes, kernelBytesMax));
  const memoryBytes = Math.ceil(wanted / pageBytes) * pageBytes;
  try {
    return openFast(memoryBytes);
  } catch (error) {
    log.warn({ err: error }, "bodies are matched without SIMD, which takes more CPU: WebAssembly does not work here");
    return new PlainKernel(memoryBytes);
  }
}
