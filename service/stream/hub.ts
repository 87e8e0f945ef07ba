import type { Clock } from "../../core/runtime/env.ts";
import { Counter, Gauge, type Registry as MetricsRegistry } from "../../core/telemetry/metrics.ts";
import type { CollectionFeed, Subject } from "./collection_feed.ts";
import { Cursor } from "./cursor.ts";
import { EventStream } from "./event_stream.ts";
import { encodeEvent, streamEventNames } from "./sse.ts";

/** Streams that one service serves at once; more are refused. */
export const streamsMaxDefault = 5000;

export interface StreamHubOptions {
  readonly feed: CollectionFeed;
  readonly clock: Clock;
  readonly metrics: MetricsRegistry;
  /** 5000 by default. */
  readonly streamsMax?: number;
}

export interface OpenStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Ends the stream; the client may come again. */
  close(): void;
}

/** All streams of this service. */
export class StreamHub {
  readonly #options: StreamHubOptions;
  readonly #streams = new Set<EventStream>();
  readonly #opened: Counter;
  readonly #refused: Counter;
  readonly #stalled: Counter;
  readonly #events: Counter<"event">;
  #closed = false;

  constructor(options: StreamHubOptions) {
    this.#options = options;
    const registers = [options.metrics];
    const counter = (name: string, help: string) =>
      new Counter({ name: `bcs_metric_service_streams_${name}_total`, help, registers });
    this.#opened = counter("opened", "Streams that were opened.");
    this.#refused = counter("refused", "Streams that were refused because there were too many.");
    this.#stalled = counter("stalled", "Streams that were ended because their client took nothing.");
    this.#events = new Counter({
      name: "bcs_metric_service_stream_events_total",
      help: "Events sent on streams.",
      labelNames: ["event"],
      registers,
    });
    for (const event of streamEventNames) this.#events.inc({ event }, 0);
    const open = () => this.#streams.size;
    new Gauge({
      name: "bcs_metric_service_streams",
      help: "Streams that are open.",
      registers,
      collect() {
        this.set(open());
      },
    });
  }

  /**
   * Opens a stream of the subject's collection; null when there are too many, or the service is about to end.
   * @param generation What the subscriber says that it has; 0 for nothing.
   * @param onEnd Called once, at the end of the stream, whatever ended it.
   */
  open(subject: Subject, generation: number, onEnd: () => void = () => {}): OpenStream | null {
    const { feed, clock, streamsMax = streamsMaxDefault } = this.#options;
    if (this.#closed || this.#streams.size >= streamsMax) {
      this.#refused.inc();
      return null;
    }
    this.#opened.inc();
    const cursor = new Cursor(generation);
    const stream = new EventStream({
      clock,
      next: () => {
        const event = cursor.next(feed.current(subject));
        if (event === null) return null;
        this.#events.inc({ event: event.event });
        return encodeEvent(event);
      },
      onEnd: (how) => {
        this.#streams.delete(stream);
        unsubscribe();
        if (how === "stalled") this.#stalled.inc();
        onEnd();
      },
    });
    this.#streams.add(stream);
    const unsubscribe = feed.subscribe(subject, () => stream.changed());
    return stream;
  }

  /** Ends all streams, so that their clients go to another service at once, and opens no more. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#streams) stream.close();
  }
}
