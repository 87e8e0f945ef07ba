/** What the state machine of cursor.ts is told, asks for and remembers. */

import {
  addNotes,
  addSettled,
  type Books,
  copyBooks,
  newNotes,
  newSettled,
  type Notes,
  type Settled,
  type SinkAccount,
  type Tally,
} from "../ledger/books.ts";
import type { Loss } from "../ledger/loss.ts";
import { Progress } from "../ledger/progress.ts";
import type { Batch, Delivered, Rejected, Retry } from "../sink.ts";
import type { WalPosition } from "../wal/wal.ts";
import type { Chunk } from "./chunk.ts";

export type CursorEvent =
  | { readonly type: "start" }
  /** `chunk` is null when there is nothing new. */
  | { readonly type: "read"; readonly chunk: Chunk | null }
  | { readonly type: "readFailed"; readonly reason: string }
  | { readonly type: "changed" }
  | { readonly type: "answered"; readonly answer: Delivered | Retry | Rejected }
  /** What the dead letters had no room for. */
  | { readonly type: "buried"; readonly dropped: Readonly<Tally> }
  | { readonly type: "declared" }
  | { readonly type: "declareFailed"; readonly reason: string }
  | { readonly type: "waited" }
  /** The sink broke its contract. */
  | { readonly type: "failed"; readonly reason: string }
  /** The log has to let go of what lies before `to`: what is not delivered of it is lost. */
  | { readonly type: "skip"; readonly to: WalPosition }
  /** Dead letters were delivered. */
  | { readonly type: "resent"; readonly tally: Readonly<Tally> }
  | { readonly type: "saveDue" }
  | { readonly type: "saved" }
  | { readonly type: "saveFailed"; readonly reason: string }
  /** Deliver what is there, without waiting for anything, then end. */
  | { readonly type: "stop" }
  /** End after what is under way; the second time, at once. */
  | { readonly type: "abort" };

export type CursorEffect =
  | { readonly type: "read" }
  | { readonly type: "awaitChange" }
  | { readonly type: "deliver"; readonly batch: Batch }
  /** Keep the batch as dead letters. */
  | { readonly type: "bury"; readonly batch: Batch; readonly reason: string }
  | { readonly type: "wait"; readonly delayMs: number }
  /** Make the losses durable. */
  | { readonly type: "declare"; readonly losses: readonly Loss[] }
  | { readonly type: "save"; readonly account: SinkAccount }
  | { readonly type: "saveLater"; readonly delayMs: number }
  | { readonly type: "stopped" };

export type CursorPhase =
  | "idle"
  | "reading"
  | "awaiting"
  | "gathering"
  | "delivering"
  | "backingOff"
  | "burying"
  | "declaring"
  | "closing"
  | "stopped";

export interface CursorState {
  phase: CursorPhase;
  /** Everything before it is settled for this sink. */
  position: WalPosition;
  /** What became of everything before the position. */
  readonly books: Books;
  readonly progress: Progress;
  /** The same for those batches of the chunk that are settled. */
  partial: { readonly settled: Settled; readonly notes: Notes };
  chunk: Chunk | null;
  /** The batches of the chunk that are not settled. `tried`: the destination may have taken it already. */
  queue: { readonly batch: Batch; readonly halvings: number; readonly tried: boolean }[];
  /** To be declared before the cursor moves behind the chunk. */
  losses: Loss[];
  /** The log lets go of what lies before it; null when there is no hurry. */
  skipTo: WalPosition | null;
  /** Failed attempts since the last success. */
  attempts: number;
  /** Since the start of the process. */
  retries: number;
  stopping: "no" | "draining" | "now";
  lastError: string | null;
  /** A human has to mend something before the destination takes anything. */
  alarm: boolean;
  readonly saving: { dirty: boolean; running: boolean; timer: boolean; lastMs: number };
}

export interface CursorContext {
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export function newCursor({ position, books, origins }: SinkAccount): CursorState {
  return {
    phase: "idle",
    position,
    books: copyBooks(books),
    progress: new Progress(origins),
    partial: { settled: newSettled(), notes: newNotes() },
    chunk: null,
    queue: [],
    losses: [],
    skipTo: null,
    attempts: 0,
    retries: 0,
    stopping: "no",
    lastError: null,
    alarm: false,
    saving: { dirty: false, running: false, timer: false, lastMs: -Infinity },
  };
}

/** The books of everything that is settled by now, the settled batches of the chunk included. */
export function currentBooks({ books, partial }: CursorState): Books {
  const now = copyBooks(books);
  addSettled(now.settled, partial.settled);
  addNotes(now.notes, partial.notes);
  return now;
}
