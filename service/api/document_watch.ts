import { type DocumentKey, documentPath } from "../../core/config/key.ts";
import type { Clock } from "../../core/runtime/env.ts";
import type { Documents, StoredDocument } from "../documents/documents.ts";
import { EventStream } from "../stream/event_stream.ts";
import { ChangeLog } from "./change_log.ts";
import { represent } from "./representation.ts";

/** Watches that one service serves at once; more are refused. */
const watchesMax = 1000;

/** A client that has nothing to be told of is told its position after so many changes of other documents. */
export const bookmarkEvery = 100;

export interface DocumentWatchDeps {
  readonly documents: Documents;
  readonly clock: Clock;
  /** Tells this run of this service from every other; letters and digits. */
  readonly epoch: string;
  /** Changes that are remembered for clients that come again. */
  readonly changesMax?: number;
}

/** What one client watches. */
export interface Watched {
  /** The documents as they are now. */
  list(): readonly StoredDocument[];
  /** Whether a document, wherever it is, is one of them. */
  includes(stored: StoredDocument): boolean;
  /** Whether one that is there no more may have been one of them, and the client may know of it. */
  mayHaveIncluded(key: DocumentKey): boolean;
}

export interface OpenWatch {
  readonly body: ReadableStream<Uint8Array>;
  close(): void;
}

/**
 * The open `?watch=true` answers of a service. Each is a stream of server-sent events:
 *
 * ```
 * event: reset    data: {reason}     forget what you know; everything follows
 * event: put      data: {document}   it is there, or changed
 * event: synced   data: {}           that was everything; from here on changes
 * event: delete   data: {metadata}   it is gone, or is selected no longer
 * event: bookmark data: {}           nothing for you, but this position is newer
 * ```
 *
 * An event with an `id` says that everything up to that position has been told. A client that comes again with it is
 * told what it has missed, then `synced`, instead of everything; when that is not known any more, it is told `reset`.
 * A slow client holds nothing up: what changes several times before it is told is told once, as it is then.
 */
export class DocumentWatches {
  readonly #deps: DocumentWatchDeps;
  readonly #log: ChangeLog;
  readonly #open = new Map<EventStream, WatchCursor>();
  readonly #unwatch: () => void;

  constructor(deps: DocumentWatchDeps) {
    this.#deps = deps;
    this.#log = new ChangeLog(deps.epoch, deps.changesMax);
    this.#unwatch = deps.documents.watch(({ key }) => {
      this.#log.add(key);
      for (const [stream, cursor] of this.#open) {
        cursor.changed(key);
        stream.changed();
      }
    });
  }

  /** The position now: a watch after it tells what changes from now on. */
  get position(): string {
    return this.#log.positionAt(this.#log.count);
  }

  /**
   * Opens a watch; null when there are too many. `onEnd` is called once, at its end.
   * @param after position that the client has; undefined for a client that knows nothing.
   */
  open(watched: Watched, after: string | undefined, onEnd: () => void): OpenWatch | null {
    if (this.#open.size >= watchesMax) return null;
    const { documents, clock } = this.#deps;
    const cursor = new WatchCursor(documents, watched, this.#log, after);
    const stream = new EventStream({
      clock,
      next: () => cursor.next(),
      onEnd: () => {
        this.#open.delete(stream);
        onEnd();
      },
    });
    this.#open.set(stream, cursor);
    return stream;
  }

  /** Ends all of them. */
  close(): void {
    this.#unwatch();
    for (const stream of this.#open.keys()) stream.close();
  }
}

const encoder = new TextEncoder();

/** What one client has still to be told. */
class WatchCursor {
  readonly #documents: Documents;
  readonly #watched: Watched;
  readonly #log: ChangeLog;
  readonly #after: string | undefined;
  /** By path; at most one for each document that there is or was told. */
  readonly #pending = new Map<string, DocumentKey>();
  readonly #told = new Set<string>();
  #stage: "new" | "listing" | "synced" = "new";
  /** What the client knows is what it knew before, so that it may know of any document. */
  #isResumed = false;
  #toldCount = 0;

  constructor(documents: Documents, watched: Watched, log: ChangeLog, after: string | undefined) {
    this.#documents = documents;
    this.#watched = watched;
    this.#log = log;
    this.#after = after;
  }

  changed(key: DocumentKey): void {
    if (this.#stage !== "new") this.#pending.set(documentPath(key), key);
  }

  next(): Uint8Array | null {
    if (this.#stage === "new") {
      const first = this.#begin();
      if (first !== null) return first;
    }
    for (const [path, key] of this.#pending) {
      this.#pending.delete(path);
      const event = this.#eventOf(path, key);
      if (event !== null) return event;
    }
    if (this.#stage === "synced") {
      return this.#log.count - this.#toldCount < bookmarkEvery ? null : this.#encode("bookmark", {});
    }
    this.#stage = "synced";
    return this.#encode("synced", {});
  }

  /** Null when the client goes on from what it has. */
  #begin(): Uint8Array | null {
    this.#stage = "listing";
    const missed = this.#after === undefined ? null : this.#log.since(this.#after);
    this.#isResumed = missed !== null;
    const keys = missed ?? this.#watched.list().map(({ key }) => key);
    for (const key of keys) this.#pending.set(documentPath(key), key);
    if (missed !== null) return null;
    const reason = this.#after === undefined
      ? "this is the beginning"
      : "what came after your position is not known here";
    return this.#encode("reset", { reason });
  }

  #eventOf(path: string, key: DocumentKey): Uint8Array | null {
    const stored = this.#documents.get(key);
    if (stored !== null && this.#watched.includes(stored)) {
      this.#told.add(path);
      return this.#encode("put", represent(stored));
    }
    const knew = this.#told.delete(path) || (this.#isResumed && this.#watched.mayHaveIncluded(key));
    if (!knew) return null;
    const { kind, clusterId, namespace, name } = key;
    return this.#encode("delete", { apiVersion: "bcs-metric/v1", kind, metadata: { clusterId, namespace, name } });
  }

  /** With the position, once nothing before it is left to be told. */
  #encode(event: string, data: object): Uint8Array {
    const isDone = this.#stage === "synced" && this.#pending.size === 0;
    if (isDone) this.#toldCount = this.#log.count;
    const id = isDone ? `id: ${this.#log.positionAt(this.#toldCount)}\n` : "";
    return encoder.encode(`${id}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }
}
