import type { Block, Layout, Target } from "../core/protocol/shape.ts";
import type { Origin } from "./wal/wal.ts";

/**
 * A destination. Every sink has its own cursor in the WAL, so a slow or dead one holds back no other.
 *
 * `deliver` is called with one batch at a time and again with the same records after `retry`, so delivery is at
 * least once: a sink must bear seeing records twice, in a batch that is cut differently too. It never rejects for a
 * reason of the destination; a rejection is a defect, and the batch is tried again as after `retry`. It settles soon
 * after `signal` is aborted, with `retry` when the destination has not taken the batch by then.
 */
export interface Sink {
  /** A safe name, unique among the sinks of an exporter: its cursor and its dead letters are kept under it. */
  readonly name: string;
  readonly type: string;
  /** No batch has more samples, unless a single scrape has. Default 50,000. */
  readonly batchSamplesMax?: number;
  deliver(batch: Batch, signal: AbortSignal): Promise<DeliveryOutcome>;
  /** Frees what the sink holds. No `deliver` runs then, and none follows. */
  close(): Promise<void>;
}

/** Records that lie near each other in the WAL; the scrapes in its order, and the opaque records in its order. */
export interface Batch {
  readonly scrapes: readonly ResolvedScrape[];
  readonly opaque: readonly OpaqueRecord[];
  /** Samples of the scrapes; what opaque records hold is not counted. */
  readonly sampleCount: number;
}

/** Where something in the log came from. */
export interface Sourced {
  /** Absent for what no collector sent, or that comes from the dead letters. */
  readonly origin?: Origin | null;
  /** Of the record that it stood in, within its origin; several scrapes may share it. 0 without an origin. */
  readonly sequence?: number;
}

/** A scrape with the shapes that it refers to. */
export interface ResolvedScrape extends Sourced {
  readonly target: Target;
  readonly layout: Layout;
  /** The layout's blocks, in order; their series are those of `values`. */
  readonly blocks: readonly Block[];
  readonly timestampMs: number;
  /**
   * NaN payloads (the staleness marker) are kept: copy the bits, not the numbers. They are a part of a larger buffer,
   * which is used again once `deliver` has settled.
   */
  readonly values: Float64Array<ArrayBuffer>;
  /** NaN where a sample has no explicit time; null when none has. */
  readonly sampleTimesMs: Float64Array<ArrayBuffer> | null;
}

/** A record of type 1 or 3, handed on as it came. */
export interface OpaqueRecord extends Sourced {
  readonly frameType: number;
  readonly dataId: number;
  readonly timestampMs: number;
  readonly record: Uint8Array;
}

export type DeliveryOutcome = Delivered | Retry | Rejected;

/** The destination has the batch, durably as far as it tells. */
export interface Delivered {
  readonly outcome: "delivered";
  /** Samples taken, those within opaque records included. */
  readonly samples: number;
  /** Scrapes and opaque records taken. */
  readonly records: number;
  /** Scrapes and opaque records that this kind of sink cannot carry: not among `records`. Default 0. */
  readonly notCarriedRecords?: number;
  /** Samples that it cannot carry, such as NaN in JSON: not among `samples`. Default 0. */
  readonly notCarriedSamples?: number;
  /** Samples that the destination refused while it took the others, and will never take: not among `samples`. Default 0. */
  readonly rejectedSamples?: number;
  /** Why; the destination's own words. */
  readonly rejectedReason?: string;
}

/** Try the same records again, after `afterMs` when the destination said so. */
export interface Retry {
  readonly outcome: "retry";
  readonly reason: string;
  readonly afterMs?: number;
  /** A human has to mend it: the destination refuses our credentials, or its address is wrong. */
  readonly alarm?: boolean;
}

/**
 * The destination will never take this batch as it is. It is cut in halves until the records that it refuses stand
 * alone. Of a single refused scrape a part may have been taken: it counts as rejected all the same.
 */
export interface Rejected {
  readonly outcome: "rejected";
  readonly reason: string;
  /** `old`: the destination has it already, as after a redelivery, or something newer. Nobody can tell which. */
  readonly kind?: "old";
}
