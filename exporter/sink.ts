import type { Block, Layout, Target } from "../core/protocol/shape.ts";

/**
 * A destination. Every sink has its own cursor in the WAL, so a slow or dead one holds back no other.
 *
 * `deliver` is called with one batch at a time and again with the same one after `retry`, so delivery is at least
 * once: a sink must bear seeing a batch twice. It never rejects for a reason of the destination; a rejection is a
 * defect and stops the sink.
 */
export interface Sink {
  readonly name: string;
  readonly type: string;
  deliver(batch: Batch, signal: AbortSignal): Promise<Delivery>;
  close(): Promise<void>;
}

/** Consecutive records of the WAL. */
export interface Batch {
  readonly scrapes: readonly ResolvedScrape[];
  readonly opaque: readonly OpaqueRecord[];
  readonly sampleCount: number;
}

/** A scrape with the shapes that it refers to. */
export interface ResolvedScrape {
  readonly target: Target;
  readonly layout: Layout;
  /** The layout's blocks, in order; their series are those of `values`. */
  readonly blocks: readonly Block[];
  readonly timestampMs: number;
  readonly values: Float64Array;
  /** NaN where a sample has no explicit time; null when none has. */
  readonly sampleTimesMs: Float64Array | null;
}

/** A record of type 1 or 3, handed on as it came. */
export interface OpaqueRecord {
  readonly frameType: number;
  readonly dataId: number;
  readonly timestampMs: number;
  readonly record: Uint8Array;
}

export type Delivery =
  /** `samples` and `records` that the destination has taken. */
  | { readonly outcome: "delivered"; readonly samples: number; readonly records: number }
  /** Try the same batch again, after `afterMs` when the destination said so. */
  | { readonly outcome: "retry"; readonly reason: string; readonly afterMs?: number }
  /** The destination will never take this batch. */
  | { readonly outcome: "rejected"; readonly reason: string };
