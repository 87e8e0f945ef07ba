/** What the state machine of log_state.ts is told, asks for and keeps to. */

import type { ResumePoint } from "./payloads.ts";
import type { Segment } from "./segment.ts";
import type { HeldShapes } from "./shape_table.ts";
import type { WalRecord } from "./wal.ts";

export interface LogLimits {
  /** Bytes of data records after which a segment ends. */
  readonly segmentBytes: number;
  /** How long a group gathers before it is written; 0 writes at once what is there. */
  readonly coalesceMs: number;
  /**
   * The shortest time between the beginnings of two groups: each costs as much as thousands of samples. A group with a
   * record that somebody waits for, as over HTTP, or with much in it, is not held back.
   */
  readonly paceMs: number;
  /** Queued bytes from which the log asks its callers to pause. */
  readonly pendingBytesMax: number;
  /** Bytes of the disk that are kept free for others than the log; see reserve_file.ts. 0 keeps none. */
  readonly reserveBytes: number;
  /** Memory for the newest groups, which readers then need not read from the disk. */
  readonly tailBytes: number;
}

export type Operation = "wait" | "reserve" | "open" | "write" | "sync" | "sync dir" | "cut" | "release";

export type LogEvent =
  | { readonly kind: "append"; readonly record: WalRecord; readonly wallMs: number }
  /** The operation that the last effects asked for has succeeded. */
  | { readonly kind: "done"; readonly operation: Operation }
  | { readonly kind: "failed"; readonly operation: Operation; readonly error: unknown }
  /** All sinks are in segment `segment` or later. */
  | { readonly kind: "trim"; readonly segment: number }
  | { readonly kind: "close" };

/** What the shell has to do, in order. The first eight report back with an event, and come one at a time. */
export type LogEffect =
  | { readonly kind: "wait"; readonly delayMs: number }
  | { readonly kind: "reserve" }
  | { readonly kind: "open"; readonly segment: number }
  | { readonly kind: "write"; readonly bytes: Uint8Array; readonly offset: number }
  | { readonly kind: "sync" }
  | { readonly kind: "sync dir" }
  | { readonly kind: "cut"; readonly bytes: number }
  | { readonly kind: "release" }
  | { readonly kind: "cancel wait" }
  | { readonly kind: "durable"; readonly index: number }
  | { readonly kind: "remove"; readonly segments: readonly Segment[] }
  | { readonly kind: "disk full"; readonly failure: string }
  | { readonly kind: "disk has room" }
  /** What lies behind `durableBytes` of the open segment must not be found by the next start. */
  | { readonly kind: "failed"; readonly reason: string; readonly durableBytes: number }
  | { readonly kind: "closed" };

/** What recovery found, as the log's beginning. */
export interface LogStart {
  readonly shapes: HeldShapes;
  readonly segments: Segment[];
  readonly nextSegment: number;
  /** Entries before the next record. */
  readonly entries: number;
  readonly points: readonly ResumePoint[];
}
