import { Catalog } from "../../../core/config/catalog.ts";
import { writeCollection } from "../../../core/config/collection.ts";
import { documentSchemas } from "../../../core/config/schema.ts";
import { MemoryStore } from "../../../core/store/memory_store.ts";
import { Registry as MetricsRegistry } from "../../../core/telemetry/metrics.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { CollectionFeed, type Subject } from "../collection_feed.ts";
import { StreamHub } from "../hub.ts";

export const collectionPath = "c1/collection/shop/one-0.yaml";

export const subject: Subject = { clusterId: "c1", namespace: "shop", collector: "one-0", applications: [] };

/** The text of the collection at {@link collectionPath}, with one target for each pod. */
export function collectionText(generation: number, pods: readonly string[] = ["cart-0"]): string {
  const targets = pods.map((pod, index) => ({ address: `10.0.0.${index + 1}:80`, pod }));
  const { spec, ...rest } = documentSchemas.Collection.parse({
    apiVersion: "bcs-metric/v1",
    kind: "Collection",
    metadata: { clusterId: "c1", namespace: "shop", name: "one-0" },
    spec: { generation, digest: "", metrics: [{ name: "cart", version: "1", uri: "/metrics", targets }] },
  });
  return writeCollection({ ...rest, spec: { generation: spec.generation, metrics: spec.metrics } });
}

/** A hub over a store in memory, and a clock that the test moves. */
export async function streamBench(options: { readonly streamsMax?: number } = {}) {
  const store = new MemoryStore();
  const clock = new ManualClock();
  const catalog = new Catalog({ frequencyMinSeconds: 1 });
  const feed = new CollectionFeed(catalog);
  const hub = new StreamHub({ feed, clock, metrics: new MetricsRegistry(), ...options });
  await store.watch("", (event) => {
    catalog.apply(event);
    feed.apply(event);
  });
  return { store, clock, feed, hub };
}

export interface ReadEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** Reads a stream's body as text: enough of server-sent events for what the service writes. */
export class StreamText {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** The next piece, which is a whole event or comment; null at the end. */
  async piece(): Promise<string | null> {
    const { done, value } = await this.#reader.read();
    return done ? null : this.#decoder.decode(value);
  }

  /** The next event, comments and the preamble left out. */
  async event(): Promise<ReadEvent> {
    for (;;) {
      const text = await this.piece();
      if (text === null) throw new Error("Cannot read an event: the stream has ended");
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(text)?.[1] ?? "";
      if (field("event") !== "") return { event: field("event"), id: field("id"), data: field("data") };
    }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}
