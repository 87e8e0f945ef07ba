import { setTimeout } from "node:timers/promises";

const withinMs = 5000;
const pollMs = 5;

/** Waits until `look` returns something else than null, and returns that; a failure of it counts as "not yet". */
export async function until<T>(what: string, look: () => T | null | Promise<T | null>): Promise<T> {
  const giveUpMs = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < giveUpMs) {
    try {
      const found = await look();
      if (found !== null) return found;
    } catch (error) {
      last = error;
    }
    await setTimeout(pollMs);
  }
  throw new Error(`Cannot see "${what}" within ${withinMs} ms`, { cause: last });
}
