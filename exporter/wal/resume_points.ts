import type { ResumePoint } from "./payloads.ts";
import type { Origin } from "./wal.ts";

/** An origin that sent nothing for seven days leaves the checkpoints: it would start again from what it still holds. */
export const originForgetMs = 7 * 24 * 3600 * 1000;

/** Beyond so many origins those that were silent longest leave the checkpoints, about 5 MB of them. */
export const originsMax = 65_536;

/** An origin as a map's key: the same for the same collector and epoch, and for no other. */
export function originKey(origin: Origin): string {
  const { epoch, cluster, namespace, name } = origin;
  return `${epoch}:${cluster.length}:${namespace.length}:${cluster}${namespace}${name}`;
}

/** The highest sequence number of each origin. */
export class ResumePoints {
  /** Least recently raised first. */
  readonly #points = new Map<string, ResumePoint>();

  get(origin: Origin): number {
    return this.#points.get(originKey(origin))?.sequence ?? 0;
  }

  /** Takes a sequence number as seen at `seenMs`; a lower one than before changes only the time. */
  raise(origin: Origin, sequence: number, seenMs: number): void {
    const key = originKey(origin);
    const before = this.#points.get(key);
    this.#points.delete(key);
    this.#points.set(key, {
      origin: before?.origin ?? origin,
      sequence: Math.max(sequence, before?.sequence ?? 0),
      seenMs: Math.max(seenMs, before?.seenMs ?? 0),
    });
  }

  raiseAll(points: Iterable<ResumePoint>): void {
    for (const { origin, sequence, seenMs } of points) this.raise(origin, sequence, seenMs);
  }

  /** Drops what {@link originForgetMs} and {@link originsMax} say. */
  prune(nowMs: number): void {
    for (const [key, point] of this.#points) {
      if (point.seenMs < nowMs - originForgetMs || this.#points.size > originsMax) this.#points.delete(key);
    }
  }

  list(): ResumePoint[] {
    return [...this.#points.values()];
  }
}
