const pollMs = 50;

/**
 * Polls `look` until it returns something else than null or undefined, and returns that.
 * A failure of `look` counts as "not yet", and is the cause of the error when time runs out.
 */
export async function waitFor<T>(what: string, withinMs: number, look: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const found = await look();
      if (found !== null && found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`Cannot see "${what}" within ${withinMs} ms`, { cause: last });
}
