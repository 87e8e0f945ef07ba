import { messageOf } from "../errors.ts";
import type { Clock, Random } from "../runtime/env.ts";
import type { Logger } from "../telemetry/log.ts";
import type { EtcdClient } from "./etcd_client.ts";
import { ReportedEntries } from "./etcd_entries.ts";
import { LineTooLongError } from "./etcd_lines.ts";
import type { WatchResult } from "./etcd_messages.ts";
import type { StoreEvent, Watch } from "./store.ts";

/** The pause before the next attempt to reach etcd: doubled from one to the next, and between half of it and all. */
const backoffMsMin = 100;
const backoffMsMax = 5000;

export interface EtcdWatchDeps {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** What all keys of the store begin with. */
  readonly keyPrefix: string;
}

/** A stream that ends sooner than this was of no use: the pause before the next one grows. */
const shortLivedMs = 5000;

/** The changes after the revision are not to be had any more: only a new listing tells what they came to. */
class ChangesLostError extends Error {
  override name = "ChangesLostError";
}

/**
 * Follows the entries under a prefix: a listing at some revision, then the stream of changes after it.
 *
 * A stream that breaks is opened again, on another endpoint if need be, behind the last change seen. When that fails,
 * or the revision is compacted, everything is listed anew and compared with what was reported: after an outage only
 * that tells when the watch is level with etcd again.
 */
export class EtcdWatch implements Watch {
  readonly #deps: EtcdWatchDeps;
  readonly #prefix: string;
  readonly #onEvent: (event: StoreEvent) => void;
  readonly #reported: ReportedEntries;
  readonly #abort = new AbortController();
  /** Everything up to it has been reported; null when that is not known, so that a listing is needed. */
  #revision: number | null = null;
  #synced = false;
  #unavailable = false;
  #failures = 0;
  #endPause = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(deps: EtcdWatchDeps, prefix: string, onEvent: (event: StoreEvent) => void) {
    this.#deps = deps;
    this.#prefix = deps.keyPrefix + prefix;
    this.#onEvent = onEvent;
    this.#reported = new ReportedEntries(deps.keyPrefix);
  }

  /** Reports what is there, or that it cannot be read, then begins to follow it. */
  async start(): Promise<void> {
    await this.#attempt(() => this.#list());
    this.#running = this.#run();
  }

  /** Nothing is reported any more. */
  close(): Promise<void> {
    this.#abort.abort();
    this.#endPause();
    return Promise.resolve();
  }

  /** Resolves when the watch, which is closed, has nothing under way any more. */
  get ended(): Promise<void> {
    return this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      if (this.#failures > 0) await this.#pause();
      if (this.#closed) return;
      if (this.#revision === null) await this.#attempt(() => this.#list());
      else await this.#attempt((revision) => this.#follow(revision));
    }
  }

  get #closed(): boolean {
    return this.#abort.signal.aborted;
  }

  async #attempt(work: (revision: number) => Promise<void>): Promise<void> {
    try {
      await work(this.#revision ?? 0);
    } catch (error) {
      if (this.#closed) return;
      this.#failures++;
      this.#revision = null;
      if (error instanceof ChangesLostError) {
        this.#deps.log.info({ prefix: this.#prefix, reason: error.message }, "comparing everything with etcd anew");
        return;
      }
      this.#synced = false;
      if (this.#unavailable) return;
      this.#unavailable = true;
      this.#report({ type: "unavailable", reason: `Cannot read from etcd: ${messageOf(error)}` });
    }
  }

  async #list(): Promise<void> {
    const { revision, keyValues } = await this.#deps.client.list(this.#prefix);
    if (this.#closed) return;
    for (const event of this.#reported.takeAll(keyValues)) this.#report(event);
    this.#revision = revision;
    this.#unavailable = false;
    if (!this.#synced) this.#report({ type: "synced" });
    this.#synced = true;
    this.#failures = 0;
  }

  /** Returns when the stream of changes has ended after it was open; the next one continues it. */
  async #follow(revision: number): Promise<void> {
    const { client, clock, log } = this.#deps;
    // A stream also opens, and then brings nothing, on a member that has lost its data, or is another cluster's.
    await client.probe(this.#prefix);
    const openedMs = clock.monotonicMs();
    const stream = new ChangeStream(client.watch(this.#prefix, revision, this.#abort.signal));
    const ending = await stream.read((result) => this.#take(result));
    if (this.#closed) return;
    if (ending instanceof ChangesLostError) throw ending;
    if (!stream.opened) {
      client.avoid();
      throw ending;
    }
    const wasUseful = this.#revision !== revision || clock.monotonicMs() - openedMs >= shortLivedMs;
    this.#failures = wasUseful ? 0 : this.#failures + 1;
    log.debug({ prefix: this.#prefix, reason: ending.message }, "a watch of etcd has ended; opening it again");
  }

  #take(result: WatchResult): void {
    if (this.#closed) return;
    for (const { type, kv } of result.events) {
      const event = this.#reported.takeChange(type, kv);
      if (event !== null) this.#report(event);
    }
    // The parts of a fragmented message may divide one revision, which counts as seen only with the last of them.
    if (result.fragment) return;
    const last = result.events.at(-1);
    this.#revision = Math.max(this.#revision ?? 0, last?.kv.mod_revision ?? result.header.revision);
  }

  /** A listener that throws is a defect of its own and must not be taken for a failure of etcd. */
  #report(event: StoreEvent): void {
    if (this.#closed) return;
    const { log } = this.#deps;
    if (event.type === "unreadable") log.warn({ path: event.path, reason: event.reason }, "cannot read an entry");
    try {
      this.#onEvent(event);
    } catch (error) {
      log.error({ err: error, event: event.type }, "a listener of the store failed");
    }
  }

  #pause(): Promise<void> {
    const { clock, random } = this.#deps;
    const fullMs = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(this.#failures - 1, 10));
    return new Promise((resolve) => {
      const cancel = clock.after(fullMs * (0.5 + random.float() / 2), resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** Reads a watch to its end, which always is an error, if only that it ended. */
class ChangeStream {
  readonly #results: AsyncIterable<WatchResult>;
  opened = false;

  constructor(results: AsyncIterable<WatchResult>) {
    this.#results = results;
  }

  async read(take: (result: WatchResult) => void): Promise<Error> {
    try {
      for await (const result of this.#results) {
        const { compact_revision: compacted, canceled, created, cancel_reason: reason } = result;
        if (compacted > 0) return new ChangesLostError(`revisions before ${compacted} are compacted`);
        if (canceled) return new Error(reason === "" ? "etcd ended it" : reason);
        if (!created) take(result);
        this.opened = true;
      }
      return new Error("the connection was closed");
    } catch (error) {
      if (error instanceof LineTooLongError) return new ChangesLostError(error.message, { cause: error });
      return error instanceof Error ? error : new Error(String(error));
    }
  }
}
