import { type DocumentKey, documentPath } from "../../core/config/key.ts";
import type { Clock } from "../../core/runtime/env.ts";
import type { Documents, StoredDocument } from "../documents/documents.ts";
import { EventStream } from "../stream/event_stream.ts";
import { represent } from "./representation.ts";

/** Watches that one service serves at once; more are refused. */
const watchesMax = 1000;

export interface DocumentWatchDeps {
  readonly documents: Documents;
  readonly clock: Clock;
}

/** What one client watches. */
export interface Watched {
  /** The documents as they are now. */
  list(): readonly StoredDocument[];
  /** Whether a document, wherever it is, is one of them. */
  includes(stored: StoredDocument): boolean;
}

export interface OpenWatch {
  readonly body: ReadableStream<Uint8Array>;
  close(): void;
}

/**
 * The open `?watch=true` answers of a service. Each is a stream of server-sent events:
 *
 * ```
 * event: reset    data: {}           forget what you know; everything follows
 * event: put      data: {document}   it is there, or changed
 * event: synced   data: {}           that was everything; from here on changes
 * event: delete   data: {metadata}   it is gone, or is selected no longer
 * ```
 *
 * A slow client holds nothing up: what changes several times before it is told is told once, as it is then.
 */
export class DocumentWatches {
  readonly #deps: DocumentWatchDeps;
  readonly #open = new Set<EventStream>();

  constructor(deps: DocumentWatchDeps) {
    this.#deps = deps;
  }

  /** Opens a watch; null when there are too many. `onEnd` is called once, at its end. */
  open(watched: Watched, onEnd: () => void): OpenWatch | null {
    if (this.#open.size >= watchesMax) return null;
    const { documents, clock } = this.#deps;
    const cursor = new WatchCursor(documents, watched);
    const stream = new EventStream({
      clock,
      next: () => cursor.next(),
      onEnd: () => {
        unwatch();
        this.#open.delete(stream);
        onEnd();
      },
    });
    const unwatch = documents.watch(({ key }) => {
      cursor.changed(key);
      stream.changed();
    });
    this.#open.add(stream);
    return stream;
  }

  /** Ends all of them. */
  close(): void {
    for (const stream of this.#open) stream.close();
  }
}

const encoder = new TextEncoder();

/** What one client has still to be told. */
class WatchCursor {
  readonly #documents: Documents;
  readonly #watched: Watched;
  /** By path; at most one for each document that there is or was told. */
  readonly #pending = new Map<string, DocumentKey>();
  readonly #told = new Set<string>();
  #stage: "new" | "listing" | "synced" = "new";

  constructor(documents: Documents, watched: Watched) {
    this.#documents = documents;
    this.#watched = watched;
  }

  changed(key: DocumentKey): void {
    if (this.#stage !== "new") this.#pending.set(documentPath(key), key);
  }

  next(): Uint8Array | null {
    if (this.#stage === "new") {
      this.#stage = "listing";
      for (const { key } of this.#watched.list()) this.#pending.set(documentPath(key), key);
      return encode("reset", {});
    }
    for (const [path, key] of this.#pending) {
      this.#pending.delete(path);
      const event = this.#eventOf(path, key);
      if (event !== null) return event;
    }
    if (this.#stage === "synced") return null;
    this.#stage = "synced";
    return encode("synced", {});
  }

  #eventOf(path: string, key: DocumentKey): Uint8Array | null {
    const stored = this.#documents.get(key);
    if (stored !== null && this.#watched.includes(stored)) {
      this.#told.add(path);
      return encode("put", represent(stored));
    }
    if (!this.#told.delete(path)) return null;
    const { kind, clusterId, namespace, name } = key;
    return encode("delete", { apiVersion: "bcs-metric/v1", kind, metadata: { clusterId, namespace, name } });
  }
}

function encode(event: string, data: object): Uint8Array {
  return encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
