/** One benchmark. It prints nothing itself. */
export interface Benchmark {
  /** As it is called on the command line. */
  readonly name: string;
  /** What is measured, on one line. */
  readonly title: string;
  /** @param short Do the least that shows that it works. */
  run(short: boolean): Promise<readonly Figure[]>;
}

/** A line of a benchmark's table. */
export interface Figure {
  readonly what: string;
  readonly value: string;
  /** What it has to be, such as `< 100 ms`; "" when nothing is asked for. */
  readonly goal: string;
  readonly isMet: boolean;
}

/** Milliseconds with as many digits as mean something. */
export function formatMs(ms: number): string {
  return `${ms.toFixed(ms < 100 ? 1 : 0)} ms`;
}

/** The value below which `share` (0 to 1) of the values lie, by the nearest rank; NaN without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
