import type { Frame } from "../../core/protocol/frame.ts";
import type { ScrapeDecoder } from "../../core/protocol/scrape_decoder.ts";
import type { ContentId, Target } from "../../core/protocol/shape.ts";
import type { PeerIdentity } from "../../core/runtime/env.ts";
import type { Access, Grant } from "../access/access.ts";
import type { Origin, ShapeTable, WalRecord } from "../wal/wal.ts";
import { AckQueue } from "./ack_queue.ts";

/**
 * What a connection is, from the exporter's side (docs/protocol.md, section 10):
 *
 *     opening --HELLO--> greeting --earlier records durable--> open (expecting or rewinding)
 *        |
 *        +--type 1, 2, 3--> old                        each of them --error, silence, end--> closed
 */
export type Phase = "opening" | "old" | "greeting" | "open" | "closed";

export interface SessionState {
  readonly context: SessionContext;
  /** Who connected, by their certificate. */
  readonly peer: PeerIdentity | null;
  readonly openedMs: number;
  phase: Phase;
  /** Shown in HELLO; looked at again when tokens change. */
  token: string;
  /** What records of the session are checked against; null when nobody has to say who they are. */
  grant: Grant | null;
  /** Targets that are the session's own, and why others are not. */
  judged: WeakMap<Target, string | null>;
  /** Bytes of records that the collector may have sent without an acknowledgement. */
  windowBytes: number;
  /** Known from HELLO on; null for an old client. */
  origin: Origin | null;
  /** HELLO's next sequence, until WELCOME. */
  helloSequence: number;
  /** HELLO's wish to send CODED frames. */
  wantsCoding: boolean;
  /** What CODED frames are decoded by; null when the session may send none. */
  decoder: ScrapeDecoder | null;
  /** The log's index up to which all must be durable before WELCOME. */
  barrierIndex: number;
  /** The sequence of the next record to take. */
  expected: number;
  /** Everything is discarded until `expected` comes again, explicitly. */
  rewinding: boolean;
  unknownsInRow: number;
  readonly pending: AckQueue;
  durableSequence: number;
  ackedSequence: number;
  /** Bytes of the shapes of this connection that no record refers to yet. */
  readonly unusedShapes: Map<ContentId, number>;
  unusedShapeBytes: number;
  lastReceivedMs: number;
  lastSentMs: number;
  /** Nothing is read because the log is behind. */
  paused: boolean;
  /** Since when the peer takes nothing; null when it does. */
  blockedSinceMs: number | null;
  /** Nothing more is taken, but acknowledgements still go out. */
  draining: boolean;
}

/** What the state machine may look up; all of it synchronous and in memory. */
export interface SessionContext {
  readonly exporter: string;
  readonly access: Access;
  readonly shapes: ShapeTable;
  resumePoint(origin: Origin): number;
}

export type SessionEvent =
  /** Bytes came, whether or not they completed a frame. */
  | { readonly type: "received" }
  | { readonly type: "frame"; readonly frame: Frame }
  /** The stream holds something else than frames. */
  | { readonly type: "broken"; readonly reason: "magic" | "length"; readonly message: string }
  /** The answer to `register`: the identity is this connection's. */
  | {
    readonly type: "registered";
    readonly barrierIndex: number;
    readonly durableIndex: number;
    /** What the bases of its coded scrapes may take. */
    readonly baseBytes: number;
  }
  /** The answer to `register`: a newer start of this collector is connected. */
  | { readonly type: "refused"; readonly newerEpoch: bigint }
  | { readonly type: "replaced"; readonly byEpoch: bigint }
  /** The answer to `append` of a record with a sequence. */
  | { readonly type: "appended"; readonly index: number; readonly sequence: number; readonly bytes: number }
  | { readonly type: "durable"; readonly index: number }
  | { readonly type: "paused" | "resumed" | "blocked" | "unblocked" | "tick" }
  /** All connections together hold too many bytes, and this one's last ones were one too many. */
  | { readonly type: "overloaded"; readonly message: string }
  /** The window is another one from now on. */
  | { readonly type: "window"; readonly bytes: number }
  /** Tokens were added, changed or revoked. */
  | { readonly type: "access_changed" }
  | { readonly type: "draining" }
  /** The end of draining, or of the log. */
  | { readonly type: "stopped"; readonly message: string }
  /** The connection is gone. */
  | { readonly type: "gone" };

export type SessionEffect =
  | { readonly type: "send"; readonly frameType: number; readonly id: bigint; readonly body: Uint8Array }
  /** Claim the identity; `registered` or `refused` answers. */
  | { readonly type: "register"; readonly origin: Origin }
  | { readonly type: "welcomed"; readonly resumePoint: number; readonly expected: number }
  /** `sequence` is 0 for an old client. The record's body is its own copy. */
  | {
    readonly type: "append";
    readonly record: WalRecord;
    readonly sequence: number;
    readonly samples: number;
    readonly bytes: number;
  }
  | { readonly type: "skip"; readonly why: "duplicate" | "rewound" }
  /** A record is not its sender's: it is not taken, and declared lost instead when it has a sequence. */
  | { readonly type: "forged"; readonly message: string }
  | CloseEffect;

export interface CloseEffect {
  readonly type: "close";
  readonly reason: CloseReason;
  readonly message: string;
  /** Code of the ERROR frame to send before; null: close at once, without a word. */
  readonly errorCode: number | null;
}

/** Why a connection ended; a label of the metrics. */
export type CloseReason = ProtocolErrorReason | OtherCloseReason;

export type ProtocolErrorReason = (typeof protocolErrorReasons)[number];

export const protocolErrorReasons = [
  "magic",
  "length",
  "frame_type",
  "early_frame",
  "malformed",
  "identity",
  "sequence",
  "sample_count",
  "shape_kind",
  "unused_shapes",
  "repeated_unknown",
] as const;

export type OtherCloseReason = (typeof otherCloseReasons)[number];

export const otherCloseReasons = [
  "version",
  "unauthorized",
  "older_epoch",
  "replaced",
  "overloaded",
  "silent",
  "blocked",
  "draining",
  "peer_error",
  "peer_closed",
] as const;

/** The peer broke a rule of docs/protocol.md. */
export class ProtocolError extends Error {
  override name = "ProtocolError";
  readonly reason: ProtocolErrorReason;

  constructor(reason: ProtocolErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The state of a connection that has just been accepted. `nowMs` is monotonic, here and in every step. */
export function openSession(context: SessionContext, nowMs: number, peer: PeerIdentity | null = null): SessionState {
  return {
    context,
    peer,
    openedMs: nowMs,
    phase: "opening",
    token: "",
    grant: null,
    judged: new WeakMap(),
    windowBytes: 0,
    origin: null,
    helloSequence: 1,
    wantsCoding: false,
    decoder: null,
    barrierIndex: 0,
    expected: 1,
    rewinding: false,
    unknownsInRow: 0,
    pending: new AckQueue(),
    durableSequence: 0,
    ackedSequence: 0,
    unusedShapes: new Map(),
    unusedShapeBytes: 0,
    lastReceivedMs: nowMs,
    lastSentMs: nowMs,
    paused: false,
    blockedSinceMs: null,
    draining: false,
  };
}

/** More came than the collector may send: nothing is read until some of it is durable. */
export function isThrottled({ phase, pending, windowBytes }: SessionState): boolean {
  return phase === "open" && pending.bytes > windowBytes;
}

export const noEffects: readonly SessionEffect[] = [];
