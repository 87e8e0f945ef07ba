import type { Clock } from "../../core/runtime/env.ts";
import { heartbeat, preamble } from "./sse.ts";

export const heartbeatMs = 10_000;

/** A client that takes nothing for so long is gone, or as good as gone. */
export const stalledMs = 60_000;

export interface EventStreamOptions {
  readonly clock: Clock;
  /** The next event as bytes, or null when there is nothing to tell. Asked only when the client can take it. */
  readonly next: () => Uint8Array | null;
  /** Called once, at the end of the stream, whatever ended it. */
  readonly onEnd: (how: "gone" | "stalled" | "closed") => void;
}

/**
 * The body of one stream. It queues nothing: what is told is decided when the client can take it, so that a slow one
 * skips what was replaced meanwhile and gets the newest. At most one event is under way.
 */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: EventStreamOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** The client can take an event now. */
  #wanting = false;
  #takenAtMs: number;
  #ended = false;
  #cancelTimer = () => {};

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#takenAtMs = options.clock.monotonicMs();
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        controller.enqueue(preamble);
      },
      pull: () => this.#pull(),
      cancel: () => this.#end("gone"),
    }, { highWaterMark: 1 });
    this.#beat();
  }

  /** There may be something to tell. */
  changed(): void {
    if (!this.#wanting || this.#ended) return;
    const bytes = this.#options.next();
    if (bytes !== null) this.#enqueue(bytes);
  }

  /** Ends the stream after what is under way. */
  close(): void {
    if (this.#ended) return;
    this.#controller?.close();
    this.#end("closed");
  }

  #pull(): void {
    this.#wanting = true;
    this.#takenAtMs = this.#options.clock.monotonicMs();
    this.changed();
  }

  #enqueue(bytes: Uint8Array): void {
    this.#wanting = false;
    // Enqueueing may ask for more at once, so it comes last.
    this.#controller?.enqueue(bytes);
  }

  #beat(): void {
    this.#cancelTimer = this.#options.clock.after(heartbeatMs, () => {
      if (this.#wanting) {
        this.#enqueue(heartbeat);
      } else if (this.#options.clock.monotonicMs() - this.#takenAtMs >= stalledMs) {
        this.#controller?.error(new Error("the client takes nothing"));
        this.#end("stalled");
      }
      if (!this.#ended) this.#beat();
    });
  }

  #end(how: "gone" | "stalled" | "closed"): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#wanting = false;
    this.#cancelTimer();
    this.#options.onEnd(how);
  }
}
