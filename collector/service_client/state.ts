import type { LogLevel } from "../../core/telemetry/log.ts";
import type { SourceEvent } from "../assignment/mod.ts";
import type { ServerSentEvent } from "./sse_reader.ts";

/** Services that are remembered; a list that is longer is cut. */
export const servicesMax = 100;

/** How long a service may take to say which services there are. */
export const askMs = 5000;

/** How long a service may take to begin a stream. */
export const openMs = 10_000;

/** A stream without a byte for so long is dead: services send a heartbeat every 10 s. */
export const silentMs = 25_000;

/** A stream that lasted so long was a good one: after its end the first attempt comes at once. */
export const stableMs = 5000;

/** How long an absence that a service tells first of all has to last, since the service may not have seen it yet. */
export const absenceMs = 3000;

/** How long what an earlier run kept outvotes services that know older generations only. */
export const restoredMs = 30_000;

export type Phase =
  | { readonly type: "idle" | "waiting" | "closed" }
  /** Asks a service which services there are, or for the stream. */
  | { readonly type: "asking" | "opening"; readonly url: string }
  | {
    readonly type: "following";
    readonly url: string;
    readonly openedAtMs: number;
    heardAtMs: number;
    /** The service has told what there is. */
    isConfirmed: boolean;
    /** Since when the service says that there is no collection, while it is not believed yet. */
    absentAtMs: number | null;
  };

export interface SubscriptionState {
  /** The services that were given; asked first, and when no other is left. */
  readonly seeds: readonly string[];
  /** The services that one of them told last. */
  known: readonly string[];
  /** Those that failed since the last success. */
  readonly avoided: Set<string>;
  phase: Phase;
  /** Attempts that failed in a row. */
  failures: number;
  /** Of the collection that was reported last; 0 when there is none. */
  generation: number;
  /** Of the same; null when it was restored from an earlier run. */
  digest: string | null;
  startedAtMs: number;
}

export type SubscriptionEvent =
  /** `generation` is what an earlier run left in force; 0 for nothing. */
  | { readonly type: "start"; readonly generation: number }
  | { readonly type: "services"; readonly urls: readonly string[] }
  /** What was asked for last failed, or the stream broke. */
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "opened" }
  /** Bytes came, whatever they say. */
  | { readonly type: "heard" }
  | { readonly type: "message"; readonly message: ServerSentEvent }
  /** The time of the last `wake` effect has passed. */
  | { readonly type: "woken" }
  | { readonly type: "close" };

export type SubscriptionEffect =
  /** Ask the service which services there are. */
  | { readonly type: "ask"; readonly url: string }
  /** Open the stream; `lastEventId` is what to resume from. */
  | { readonly type: "open"; readonly url: string; readonly lastEventId: string | null }
  /** End what was asked for or opened last. */
  | { readonly type: "drop" }
  /** Send `woken` after this, instead of after what was said before. */
  | { readonly type: "wake"; readonly delayMs: number }
  | { readonly type: "report"; readonly event: SourceEvent }
  | {
    readonly type: "note";
    readonly level: Exclude<LogLevel, "silent">;
    readonly message: string;
    readonly fields: Readonly<Record<string, unknown>>;
  };

export function makeSubscriptionState(seeds: readonly string[]): SubscriptionState {
  return {
    seeds,
    known: [],
    avoided: new Set(),
    phase: { type: "idle" },
    failures: 0,
    generation: 0,
    digest: null,
    startedAtMs: 0,
  };
}
