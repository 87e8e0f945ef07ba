/**
 * What `scripts/bench kernel` runs on each runtime:
 *
 *   kernel_loop.ts MS     matches each case again and again for so long, and writes [{ kernel, values, ns }, …] as JSON
 */

import type { Kernel } from "../../collector/kernel/kernel.ts";
import { PlainKernel } from "../../collector/kernel/plain_kernel.ts";
import { openSimdKernel } from "../../collector/kernel/simd_kernel.ts";
import { writeTemplate } from "../../collector/kernel/template.ts";

/** What one case took. */
export interface LoopFigure {
  readonly kernel: Kernel["name"];
  readonly values: string;
  /** For each sample, in the fastest round. */
  readonly ns: number;
}

const lineBytes = 120;
const familyCount = 50;
const familySeries = 20;
const kernelBytes = 16 * 1024 * 1024;
/** More than one body, so that the processor cannot learn where the numbers end. */
const bodyCount = 16;

const valueKinds: readonly (readonly [name: string, next: (random: () => number) => string])[] = [
  ["integers of 1 to 7 digits", (random) => String(Math.floor(10 ** (random() * 7)))],
  ["floats of 17 digits", (random) => (random() * 100 + 1).toPrecision(17)],
  ["floats as they come", (random) => String(random() * 10 ** Math.floor(random() * 9 - 4))],
];

/** A family's texts, and the values to put between them. */
interface Family {
  readonly texts: readonly string[];
}

function families(): Family[] {
  return Array.from({ length: familyCount }, (_, family) => {
    const name = `bench_requests_of_family_${family}_total`;
    const series = Array.from({ length: familySeries }, (_unused, index) => {
      const line = `${name}{method="GET",path="/api/v1/things/${index}",pod="shop-0",x=""} `;
      const wide = line.replace(`x=""`, `x="${"x".repeat(Math.max(0, lineBytes - line.length - 8))}"`);
      return index === 0 ? `# TYPE ${name} counter\n${wide}` : `\n${wide}`;
    });
    return { texts: [...series, "\n"] };
  });
}

function bodyOf(all: readonly Family[], value: () => string): string {
  return all.map(({ texts }) => texts.map((text, index) => index === 0 ? text : `${value()}${text}`).join("")).join("");
}

function measure(kernel: Kernel, next: (random: () => number) => string, forMs: number): number {
  const random = seeded();
  const { memory } = kernel;
  const encoder = new TextEncoder();
  const all = families();
  const templates = all.map(({ texts }) =>
    need(writeTemplate(memory, encoder.encode(texts.join("")), texts.map((text) => text.length)))
  );
  const bodies = Array.from({ length: bodyCount }, () => {
    const bytes = encoder.encode(bodyOf(all, () => next(random)));
    const at = need(memory.alloc(bytes.length));
    memory.bytes.set(bytes, at);
    return { at, end: at + bytes.length };
  });
  const values = need(memory.alloc(8 * familyCount * familySeries));
  const matchBody = ({ at, end }: { readonly at: number; readonly end: number }) => {
    for (let index = 0; index < templates.length; index++) {
      const status = kernel.match(templates[index]!, 0, at, end, values + 8 * familySeries * index);
      if (status !== 0) throw new Error(`Cannot match family ${index}: status ${status}`);
      at = kernel.result.at;
    }
  };
  return bestRound(() => bodies.forEach(matchBody), forMs) * 1e6 / (bodyCount * familyCount * familySeries);
}

/**
 * Milliseconds of the fastest of the rounds that fit into `forMs`. The rounds are short, so that some fall between what
 * others do on the machine.
 */
function bestRound(round: () => void, forMs: number): number {
  let best = Infinity;
  const endMs = performance.now() + forMs;
  for (let startedMs = performance.now(); startedMs < endMs; startedMs = performance.now()) {
    round();
    best = Math.min(best, performance.now() - startedMs);
  }
  return best;
}

function need(address: number | null): number {
  if (address === null) throw new Error(`Cannot place the benchmark in ${kernelBytes} bytes`);
  return address;
}

/** The same numbers in each run: a linear congruential generator. */
function seeded(): () => number {
  let state = 1;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

const forMs = Number(process.argv[2] ?? "1000");
const figures: LoopFigure[] = [];
for (const [values, next] of valueKinds) {
  for (const kernel of [openSimdKernel(kernelBytes), new PlainKernel(kernelBytes)]) {
    figures.push({ kernel: kernel.name, values, ns: measure(kernel, next, forMs) });
  }
}
process.stdout.write(`${JSON.stringify(figures)}\n`);
