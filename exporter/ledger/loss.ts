import type { Origin } from "../wal/wal.ts";

/** Records of one origin that follow each other, as far as a loss or a position is concerned. */
export interface OriginSpan {
  readonly origin: Origin;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly entries: number;
  readonly samples: number;
}

export type LossReason = "retention" | "damage" | "unresolved" | "collector";

/** Entries that a sink will never get: who lost which, and why. */
export interface Loss {
  readonly reason: LossReason;
  /** For people. */
  readonly detail: string;
  /** Segments of the log in which they stood. */
  readonly firstSegment: number;
  readonly lastSegment: number;
  /** Entries of the log before and behind the part that was being read; it may hold others too. */
  readonly fromEntry: number;
  readonly toEntry: number;
  readonly entries: number;
  /** 0 where nobody knows. */
  readonly samples: number;
  /** Unix milliseconds of the oldest and newest scrape among them; null where nobody knows. */
  readonly oldestMs: number | null;
  readonly newestMs: number | null;
  /** Whose they were; none where nobody knows. At most {@link spansMax}. */
  readonly origins: readonly OriginSpan[];
}

/** A declaration names so many origins; the others are in its counts only. */
export const spansMax = 100;

/** A text that two origins share only when they are the same start of the same collector. */
export function originKey({ cluster, namespace, name, epoch }: Origin): string {
  return `${cluster}/${namespace}/${name}/${epoch}`;
}

/** One entry, as far as a declaration names it. */
export interface LostEntry {
  readonly origin?: Origin | null | undefined;
  readonly sequence?: number | undefined;
  readonly samples: number;
  /** Null where nobody knows. */
  readonly timestampMs: number | null;
}

/** What a declaration says of some entries. */
export type LostContent = Pick<Loss, "entries" | "samples" | "oldestMs" | "newestMs" | "origins">;

export function contentOf(entries: Iterable<LostEntry>): LostContent {
  const spans = new Map<string, OriginSpan>();
  let [count, samples, oldestMs, newestMs] = [0, 0, Infinity, -Infinity];
  for (const entry of entries) {
    count++;
    samples += entry.samples;
    const { origin, sequence, timestampMs } = entry;
    oldestMs = Math.min(oldestMs, timestampMs ?? Infinity);
    newestMs = Math.max(newestMs, timestampMs ?? -Infinity);
    if (origin !== undefined && origin !== null && sequence !== undefined) {
      addSpan(spans, { origin, firstSequence: sequence, lastSequence: sequence, entries: 1, samples: entry.samples });
    }
  }
  return {
    entries: count,
    samples,
    oldestMs: Number.isFinite(oldestMs) ? oldestMs : null,
    newestMs: Number.isFinite(newestMs) ? newestMs : null,
    origins: [...spans.values()],
  };
}

function addSpan(spans: Map<string, OriginSpan>, span: OriginSpan): void {
  const key = originKey(span.origin);
  const known = spans.get(key);
  if (known === undefined && spans.size >= spansMax) return;
  spans.set(
    key,
    known === undefined ? span : {
      origin: span.origin,
      firstSequence: Math.min(known.firstSequence, span.firstSequence),
      lastSequence: Math.max(known.lastSequence, span.lastSequence),
      entries: known.entries + span.entries,
      samples: known.samples + span.samples,
    },
  );
}
