import { z } from "zod";
import { messageOf } from "../../../core/errors.ts";
import type { Clock, Random } from "../../../core/runtime/env.ts";
import { inBackground } from "../../../core/runtime/process.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { ApiClient } from "../../clusters/api_client.ts";
import { askBcs } from "../../mesos/bcs.ts";
import { JsonSplitter } from "./json_splitter.ts";
import {
  makeStorageWatchState,
  step,
  type StorageWatchEffect,
  type StorageWatchEvent,
  type StoredItem,
} from "./storage_watch.ts";

export interface StorageCopyOptions<T> {
  /** BCS storage, below `/bcsstorage/v1`. */
  readonly storage: Pick<ApiClient, "request" | "stream">;
  readonly clock: Clock;
  readonly random: Pick<Random, "float">;
  readonly log: Logger;
  readonly clusterId: string;
  readonly clusterType: "mesos" | "k8s";
  /** Such as `taskgroup`. */
  readonly resourceType: string;
  /** What is kept of an item; null for one that does not matter. */
  read(item: StorageItem): T | null;
  /** Called after changes, several of which may come together. */
  onChange(): void;
  /** How long changes are gathered before they are told; 100 ms by default. */
  readonly gatherMs?: number;
}

const itemSchema = z.looseObject({
  _id: z.string(),
  namespace: z.string().default(""),
  resourceName: z.string().default(""),
  updateTime: z.string().default(""),
  data: z.unknown().optional(),
});
export type StorageItem = z.output<typeof itemSchema>;

const listSchema = z.array(z.unknown()).nullable();
const eventSchema = z.looseObject({ type: z.int(), value: z.unknown().optional() });
/** Of the stream: 1 added, 2 deleted, 3 changed, 4 changed in itself; -1 says that it is broken, 0 nothing. */
const eventTypes = { broken: -1, nop: 0, deleted: 2 } as const;
const idSchema = z.looseObject({ _id: z.string() });

const gatherMsDefault = 100;
/** A watch is asked to end then, so that one which has died silently is noticed. */
const watchSeconds = 300;
const silenceMs = (watchSeconds + 15) * 1000;
const objectBytesMax = 16 * 1024 * 1024;

/** A copy of a collection of BCS storage that is kept up to date: the shell around `storage_watch.ts`. */
export class StorageCopy<T> {
  readonly #options: StorageCopyOptions<T>;
  readonly #state = makeStorageWatchState<T>();
  readonly #closed = new AbortController();
  readonly #work = new Set<Promise<void>>();
  #cancelWait = () => {};
  #cancelTell = () => {};
  #telling = false;
  #loggedProblem = "";

  constructor(options: StorageCopyOptions<T>) {
    this.#options = options;
  }

  start(): void {
    this.#step({ type: "wake" });
  }

  /** Null while the collection has never been read completely. */
  values(): T[] | null {
    if (!this.#state.synced) return null;
    return Array.from(this.#state.items.values(), ({ value }) => value).filter((value) => value !== null);
  }

  /** Complete lists so far. */
  get lists(): number {
    return this.#state.lists;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#cancelWait();
    this.#cancelTell();
    await Promise.all(this.#work);
  }

  #step(event: StorageWatchEvent<T>): void {
    if (this.#closed.signal.aborted) return;
    const { clock, random } = this.#options;
    const effects = step(this.#state, event, { nowMs: clock.monotonicMs(), chance: random.float() });
    for (const effect of effects) this.#carryOut(effect);
    this.#logProblem();
  }

  #carryOut(effect: StorageWatchEffect): void {
    switch (effect.type) {
      case "changed":
        return this.#tell();
      case "wait":
        this.#cancelWait();
        this.#cancelWait = this.#options.clock.after(effect.ms, () => this.#step({ type: "wake" }));
        return;
      case "list":
        return this.#begin("listing", this.#list());
      case "watch":
        return this.#begin("watching", this.#watch());
      default:
        return effect satisfies never;
    }
  }

  #begin(what: string, work: Promise<void>): void {
    this.#work.add(work);
    inBackground(this.#options.log, `${what} BCS storage`, work.finally(() => this.#work.delete(work)));
  }

  #tell(): void {
    if (this.#telling || this.#closed.signal.aborted) return;
    this.#telling = true;
    this.#cancelTell = this.#options.clock.after(this.#options.gatherMs ?? gatherMsDefault, () => {
      this.#telling = false;
      if (this.#state.synced) this.#options.onChange();
    });
  }

  #logProblem(): void {
    const { problem } = this.#state;
    if (problem === this.#loggedProblem) return;
    this.#loggedProblem = problem;
    const fields = { cluster: this.#options.clusterId, resource: this.#options.resourceType };
    if (problem === "") this.#options.log.info(fields, "BCS storage is read again");
    else this.#options.log.warn({ ...fields, reason: problem }, "BCS storage cannot be read; what is known stays");
  }

  async #list(): Promise<void> {
    const { storage, clusterType, clusterId, resourceType } = this.#options;
    let event: StorageWatchEvent<T>;
    try {
      const path = `/query/${clusterType}/dynamic/clusters/${encodeURIComponent(clusterId)}/${resourceType}`;
      const items = listSchema.parse(await askBcs(storage, { method: "GET", path })) ?? [];
      event = { type: "listed", items: items.map((item) => this.#itemOf(itemSchema.parse(item))) };
    } catch (error) {
      const reason = error instanceof z.ZodError ? "the list cannot be understood" : messageOf(error);
      event = { type: "list-failed", reason };
    }
    this.#step(event);
  }

  async #watch(): Promise<void> {
    const { storage, clusterId, resourceType, log } = this.#options;
    const { signal } = this.#closed;
    const path = `/dynamic/watch/${encodeURIComponent(clusterId)}/${resourceType}`;
    const body = { selfOnly: false, maxEvents: 0, timeout: watchSeconds, mustDiff: false };
    const splitter = new JsonSplitter(objectBytesMax);
    try {
      const onOpen = () => this.#step({ type: "opened" });
      const request = { method: "POST", path, body, silenceMs, signal, onOpen } as const;
      for await (const value of storage.stream(request, (chunk) => splitter.push(chunk))) {
        if (!this.#take(value)) break;
      }
    } catch (error) {
      if (!signal.aborted) {
        log.debug({ cluster: clusterId, reason: messageOf(error) }, "the watch of BCS storage ended");
      }
    }
    this.#step({ type: "watch-ended" });
  }

  /** Returns whether the stream goes on. */
  #take(value: unknown): boolean {
    const event = eventSchema.safeParse(value);
    if (!event.success || event.data.type === eventTypes.broken) return false;
    if (event.data.type === eventTypes.nop) return true;
    const named = idSchema.safeParse(event.data.value);
    // What has changed is not said: as with a broken stream, everything is listed anew.
    if (!named.success) return false;
    if (event.data.type === eventTypes.deleted) {
      const { _id: id } = named.data;
      this.#step({ type: "gone", id });
      return true;
    }
    const read = itemSchema.safeParse(event.data.value);
    if (!read.success) return false;
    this.#step({ type: "put", item: this.#itemOf(read.data) });
    return true;
  }

  #itemOf(item: StorageItem): StoredItem<T> {
    const value = this.#options.read(item);
    const { _id: id, updateTime: updated } = item;
    return { id, updated, value, text: JSON.stringify(value) };
  }
}
