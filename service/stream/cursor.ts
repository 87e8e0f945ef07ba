import { collectionJson } from "../../core/config/collection.ts";
import type { CollectionDocument } from "../../core/config/schema.ts";
import type { StreamEvent } from "./sse.ts";

/** What there is of a collection now. */
export type Current =
  | { readonly type: "collection"; readonly document: CollectionDocument }
  /** There is none, and the service is sure of it. */
  | { readonly type: "absent" }
  /** The service cannot say what there is. */
  | { readonly type: "unavailable"; readonly reason: string };

/**
 * What one subscriber has been told, and what is to be told next. A subscriber never hears of an older generation
 * after a newer one, unless the collection was gone in between.
 */
export class Cursor {
  /** The generation that the subscriber has; 0 when none. */
  #generation: number;
  /** Of what the subscriber has; null while only its own word tells its generation. */
  #digest: string | null = null;
  /** What was told last. */
  #told: "nothing" | "collection" | "absent" | "unavailable" = "nothing";
  #reason = "";

  /** `generation` is what the subscriber says that it has, 0 for nothing. */
  constructor(generation: number) {
    this.#generation = generation;
  }

  /** The event that tells what there is now; null when the subscriber knows. */
  next(current: Current): StreamEvent | null {
    switch (current.type) {
      case "collection":
        return this.#collection(current.document);
      case "absent":
        return this.#absent();
      case "unavailable":
        return this.#unavailable(current.reason);
    }
    return current satisfies never;
  }

  #collection(document: CollectionDocument): StreamEvent | null {
    const { generation, digest } = document.spec;
    if (generation < this.#generation) {
      // This service has not seen yet what the subscriber has from another one.
      return this.#unavailable(`generation ${generation} is the newest here, and older than ${this.#generation}`);
    }
    const isKnown = generation === this.#generation && (this.#digest ?? digest) === digest;
    const wasTold = this.#told === "collection";
    this.#generation = generation;
    this.#digest = digest;
    this.#told = "collection";
    if (!isKnown) return { event: "collection", id: generation, data: collectionJson(document) };
    return wasTold ? null : { event: "unchanged", id: generation, data: JSON.stringify({ generation, digest }) };
  }

  #absent(): StreamEvent | null {
    if (this.#told === "absent") return null;
    this.#told = "absent";
    this.#generation = 0;
    this.#digest = null;
    return { event: "absent", data: "{}" };
  }

  #unavailable(reason: string): StreamEvent | null {
    if (this.#told === "unavailable" && this.#reason === reason) return null;
    this.#told = "unavailable";
    this.#reason = reason;
    return { event: "unavailable", data: JSON.stringify({ reason }) };
  }
}
