import { z } from "zod";
import { messageOf } from "../../core/errors.ts";
import type { Clock, Random } from "../../core/runtime/env.ts";
import { inBackground } from "../../core/runtime/process.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { ApiError } from "../clusters/api_error.ts";
import type { KubeClient } from "./client.ts";
import {
  type Failure,
  type Item,
  type ListWatchEffect,
  type ListWatchEvent,
  makeListWatchState,
  step,
} from "./list_watch.ts";
import { itemKey, type KubeObject, kubeObject } from "./objects.ts";

export interface ReflectorOptions<T> {
  readonly client: Pick<KubeClient, "request" | "stream">;
  readonly clock: Clock;
  readonly random: Pick<Random, "float">;
  readonly log: Logger;
  /** Of the collection, such as `/api/v1/pods`. */
  readonly path: string;
  readonly labelSelector?: string;
  /** What is kept of an object; null for one that does not matter. */
  read(object: KubeObject): T | null;
  /** Called after changes, several of which may come together. */
  onChange(): void;
  /** Objects in one answer; 500 by default. */
  readonly pageItems?: number;
  /** How long changes are gathered before they are told; 100 ms by default. */
  readonly gatherMs?: number;
}

const pageItemsDefault = 500;
const gatherMsDefault = 100;

/** Watches are short: whoever has died silently is noticed at their end. */
const watchSeconds = 60;
const silenceMs = 75_000;

const polling = "the API server does not let us watch this collection; it is listed again and again";

const listAnswer = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string().default(""), continue: z.string().default("") }),
  items: z.array(z.unknown()).nullable().default([]),
});

const watchLine = z.looseObject({ type: z.string(), object: z.unknown() });

const statusObject = z.looseObject({ code: z.number().default(0), message: z.string().default("") });

/** A copy of a collection of an API server that is kept up to date: the shell around `list_watch.ts`. */
export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #state = makeListWatchState<T>();
  readonly #closed = new AbortController();
  #cancelWait = () => {};
  #cancelTell = () => {};
  #telling = false;
  #loggedProblem = "";
  #work: Promise<void> = Promise.resolve();

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
  }

  /** Begins to list and watch. */
  start(): void {
    this.#step({ type: "start" });
  }

  /** Null while the collection has never been read completely. */
  items(): ReadonlyMap<string, Item<T>> | null {
    return this.#state.synced ? this.#state.items : null;
  }

  /** Why the copy may be out of date, or is not there; null when it is as good as it can be. */
  get problem(): Failure | null {
    return this.#state.problem;
  }

  /** Complete lists so far: more than one tell of versions forgotten, or of polling. */
  get lists(): number {
    return this.#state.lists;
  }

  /** Takes the answer to a write of our own before the watch tells of it; what is seen already is left alone. */
  take(object: KubeObject): void {
    if (!this.#state.synced) return;
    const value = this.#options.read(object);
    const key = itemKey(object);
    const version = object.metadata.resourceVersion;
    if (value === null || this.#state.items.get(key)?.version === version) return;
    this.#state.items.set(key, { key, version, value });
    this.#tell();
  }

  /** The same for what we have deleted. */
  drop(key: string): void {
    if (this.#state.items.delete(key)) this.#tell();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#cancelWait();
    this.#cancelTell();
    await this.#work;
  }

  #step(event: ListWatchEvent<T>): void {
    if (this.#closed.signal.aborted) return;
    const { clock, random } = this.#options;
    const polled = this.#state.pollsLeft > 0;
    const effects = step(this.#state, event, { nowMs: clock.monotonicMs(), chance: random.float() });
    if (!polled && this.#state.pollsLeft > 0) this.#options.log.warn({ path: this.#options.path }, polling);
    for (const effect of effects) this.#carryOut(effect);
    this.#logProblem();
  }

  #carryOut(effect: ListWatchEffect): void {
    const { clock, log, path } = this.#options;
    switch (effect.type) {
      case "changed":
        return this.#tell();
      case "wait":
        this.#cancelWait = clock.after(effect.ms, () => this.#step({ type: "wake" }));
        return;
      case "list":
        this.#work = this.#list(effect.continuation);
        return inBackground(log, `listing ${path}`, this.#work);
      case "watch":
        this.#work = this.#watch(effect.version);
        return inBackground(log, `watching ${path}`, this.#work);
      default:
        return effect satisfies never;
    }
  }

  /** Ten thousand pods that change at once are one change to whoever builds a snapshot of them. */
  #tell(): void {
    if (this.#telling || this.#closed.signal.aborted) return;
    this.#telling = true;
    this.#cancelTell = this.#options.clock.after(this.#options.gatherMs ?? gatherMsDefault, () => {
      this.#telling = false;
      this.#options.onChange();
    });
  }

  #logProblem(): void {
    const { log, path } = this.#options;
    const problem = this.#state.problem?.reason ?? "";
    if (problem === this.#loggedProblem) return;
    this.#loggedProblem = problem;
    if (problem === "") log.info({ path }, "the API server's collection is read again");
    else log.warn({ path, reason: problem }, "the API server's collection cannot be read; what is known stays");
  }

  async #list(continuation: string): Promise<void> {
    let event: ListWatchEvent<T>;
    try {
      const query = {
        ...this.#query(),
        limit: String(this.#options.pageItems ?? pageItemsDefault),
        ...(continuation === "" ? {} : { continue: continuation }),
      };
      const answer = await this.#options.client.request({ method: "GET", path: this.#options.path, query });
      const { metadata, items } = understand(listAnswer, answer, "list");
      const read = (items ?? []).flatMap((item) => this.#itemOf(understand(kubeObject, item, "object")) ?? []);
      event = { type: "page", items: read, continuation: metadata.continue, version: metadata.resourceVersion };
    } catch (error) {
      event = { type: "list-failed", failure: failureOf(error) };
    }
    this.#step(event);
  }

  async #watch(version: string): Promise<void> {
    const { client, path } = this.#options;
    const query = {
      ...this.#query(),
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: version,
      timeoutSeconds: String(watchSeconds),
    };
    let end: ListWatchEvent<T> = { type: "watch-ended" };
    try {
      const { signal } = this.#closed;
      const onOpen = () => this.#step({ type: "watching" });
      for await (const line of client.stream({ path, query, silenceMs, signal, onOpen })) {
        const event = this.#eventOf(line);
        if (event?.type === "watch-failed") {
          end = event;
          break;
        }
        if (event !== null) this.#step(event);
      }
    } catch (error) {
      end = { type: "watch-failed", failure: failureOf(error) };
    }
    this.#step(end);
  }

  #eventOf(line: unknown): ListWatchEvent<T> | null {
    const { type, object } = understand(watchLine, line, "event");
    if (type === "ERROR") {
      const { code, message } = understand(statusObject, object, "event");
      return { type: "watch-failed", failure: { reason: message, status: code, retryAfterMs: null } };
    }
    const seen = understand(kubeObject, object, "object");
    const version = seen.metadata.resourceVersion;
    if (type === "BOOKMARK") return { type: "bookmark", version };
    const item = type === "DELETED" ? null : this.#itemOf(seen);
    return item === null ? { type: "gone", key: itemKey(seen), version } : { type: "put", item };
  }

  #itemOf(object: KubeObject): Item<T> | null {
    const value = this.#options.read(object);
    return value === null ? null : { key: itemKey(object), version: object.metadata.resourceVersion, value };
  }

  #query(): Record<string, string> {
    const { labelSelector } = this.#options;
    return labelSelector === undefined ? {} : { labelSelector };
  }
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof ApiError)) return { reason: messageOf(error), status: 0, retryAfterMs: null };
  return { reason: error.message, status: error.status, retryAfterMs: error.retryAfterMs };
}

function understand<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ApiError(`a ${what} cannot be understood: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}
