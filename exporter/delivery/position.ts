import type { WalPosition } from "../wal/wal.ts";

/** Whether one place in the log comes before another. */
export function isBefore(a: WalPosition, b: WalPosition): boolean {
  return a.segment < b.segment || a.segment === b.segment && a.offset < b.offset;
}

/** The lowest position; null when there is none, or the one of a sink is not known. */
export function slowestPosition(positions: readonly (WalPosition | null)[]): WalPosition | null {
  let slowest: WalPosition | null = null;
  for (const position of positions) {
    if (position === null) return null;
    if (slowest === null || isBefore(position, slowest)) slowest = position;
  }
  return slowest;
}
