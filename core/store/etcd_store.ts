import { Buffer } from "node:buffer";
import { messageOf, UserError } from "../errors.ts";
import type { Env, SocketAddress } from "../runtime/env.ts";
import { formatAddress } from "../runtime/system_net.ts";
import type { Logger } from "../telemetry/log.ts";
import { type Change, EtcdClient } from "./etcd_client.ts";
import { entryOf } from "./etcd_entries.ts";
import { EtcdError, EtcdHttp } from "./etcd_http.ts";
import { type EtcdKeyValue, grpcCode, noLease } from "./etcd_messages.ts";
import { EtcdWatch } from "./etcd_watch.ts";
import { PathQueue } from "./path_queue.ts";
import { entryBytesMax, requireEntryPath } from "./paths.ts";
import {
  type Entry,
  EntryTooLargeError,
  RevisionConflictError,
  type Store,
  type StoreEvent,
  type StoreLease,
  StoreUnavailableError,
  UnreadableEntryError,
  type Watch,
} from "./store.ts";

export interface EtcdOptions {
  /** Members of one cluster, at least one; which is asked changes when one does not answer. */
  readonly endpoints: readonly SocketAddress[];
  /** What all our keys begin with; `bcs-metric/` by default. Not empty. */
  readonly prefix?: string;
  readonly env: Pick<Env, "clock" | "random">;
  readonly log: Logger;
  /** For one request to one endpoint; 5 s by default. */
  readonly timeoutMs?: number;
  /** A watch that brought nothing for so long asks whether etcd is still there; 15 s by default. */
  readonly silenceMs?: number;
}

export const etcdPrefixDefault = "bcs-metric/";

const silenceMsDefault = 15_000;

/** How often an unconditional write starts over because somebody else has just changed the same entry. */
const attemptsMax = 20;

/**
 * Opens an etcd (3.4 or newer, by its v3 JSON gateway) as a {@link Store}: an entry's key is the prefix and its path,
 * its value is the text, and its revision etcd's `mod_revision`.
 *
 * Every write is a transaction on the revision that was read before, so that conditions are exact between all
 * processes, and a write whose answer was lost can be tried again without undoing somebody else's. Only of a
 * conditional write that got no answer it is not known whether it was done: it fails with StoreUnavailableError.
 *
 * @throws UserError that says what to do when no endpoint answers as an etcd.
 */
export async function openEtcd(options: EtcdOptions): Promise<Store> {
  const { endpoints, env, prefix = etcdPrefixDefault } = options;
  const client = new EtcdClient(new EtcdHttp({ ...options, clock: env.clock }), options.silenceMs ?? silenceMsDefault);
  try {
    await client.probe(prefix);
  } catch (error) {
    await client.close();
    const where = endpoints.map(formatAddress).join(",");
    const advice = "see that it runs, and that the address is one of its client URLs";
    throw new UserError(`Cannot use etcd "${where}" as the store: ${messageOf(error)}; ${advice}`, { cause: error });
  }
  return new EtcdStore(client, prefix, options);
}

class EtcdStore implements Store {
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #env: Pick<Env, "clock" | "random">;
  readonly #log: Logger;
  readonly #writes = new PathQueue();
  readonly #watches = new Set<EtcdWatch>();

  constructor(client: EtcdClient, prefix: string, options: EtcdOptions) {
    this.#client = client;
    this.#prefix = prefix;
    this.#env = options.env;
    this.#log = options.log;
  }

  async get(path: string): Promise<Entry | null> {
    requireEntryPath(path);
    const keyValue = await this.#asking("read", path, () => this.#client.get(this.#prefix + path));
    const found = keyValue === null ? null : entryOf(keyValue, this.#prefix);
    if (found === null) return null;
    if (found.found === "text") return found.entry;
    throw new UnreadableEntryError(`Cannot read entry "${path}": ${found.reason}`);
  }

  async list(prefix: string): Promise<Entry[]> {
    const { keyValues } = await this.#asking("list", prefix, () => this.#client.list(this.#prefix + prefix));
    const entries: Entry[] = [];
    for (const keyValue of keyValues) {
      const found = entryOf(keyValue, this.#prefix);
      if (found?.found === "text") entries.push(found.entry);
      if (found?.found === "unreadable") {
        this.#log.warn({ path: found.path, reason: found.reason }, "cannot read an entry");
      }
    }
    return entries;
  }

  put(path: string, text: string, expected?: string | null): Promise<string> {
    return this.#put(path, text, expected, noLease);
  }

  async grantLease(ttlMs: number): Promise<StoreLease> {
    const id = await this.#asking("grant", "a lease", () => this.#client.grant(Math.ceil(ttlMs / 1000)));
    return {
      put: (path, text, expected) => this.#put(path, text, expected, id),
      renew: () => this.#asking("renew", "a lease", () => this.#client.keepAlive(id)),
      end: () => this.#asking("end", "a lease", () => this.#client.revoke(id)),
    };
  }

  #put(path: string, text: string, expected: string | null | undefined, lease: string): Promise<string> {
    return this.#writes.run(path, async () => {
      requireEntryPath(path);
      const bytes = Buffer.byteLength(text);
      if (bytes > entryBytesMax(path)) {
        const why = `its ${bytes} bytes exceed the limit of ${entryBytesMax(path)}`;
        throw new EntryTooLargeError(`Cannot write entry "${path}": ${why}`);
      }
      const change = (present: EtcdKeyValue | null): Change | null => {
        const found = present === null ? null : entryOf(present, this.#prefix);
        const isThere = found?.found === "text" && found.entry.text === text && present?.lease === lease;
        return isThere ? null : { put: text, lease };
      };
      return await this.#asking("write", path, () => this.#change("write", path, expected, change));
    });
  }

  delete(path: string, expected?: string): Promise<void> {
    return this.#writes.run(path, async () => {
      requireEntryPath(path);
      const change = (present: EtcdKeyValue | null): Change | null => present === null ? null : "delete";
      await this.#asking("delete", path, () => this.#change("delete", path, expected, change));
    });
  }

  async watch(prefix: string, onEvent: (event: StoreEvent) => void): Promise<Watch> {
    const { clock, random } = this.#env;
    const deps = { client: this.#client, clock, random, log: this.#log, keyPrefix: this.#prefix };
    const watch = new EtcdWatch(deps, prefix, onEvent);
    this.#watches.add(watch);
    await watch.start();
    void watch.ended.then(() => this.#watches.delete(watch));
    return watch;
  }

  async close(): Promise<void> {
    const watches = [...this.#watches];
    await Promise.all(watches.map((watch) => watch.close()));
    await this.#writes.idle();
    await this.#client.close();
    await Promise.all(watches.map((watch) => watch.ended));
  }

  /**
   * Makes the change that `decide` wants of what is there now, null being none; returns the entry's revision then.
   * Without `expected`, it starts over when somebody else has changed the entry between reading and writing, and when
   * no answer came.
   */
  async #change(
    what: string,
    path: string,
    expected: string | null | undefined,
    decide: (present: EtcdKeyValue | null) => Change | null,
  ): Promise<string> {
    const key = this.#prefix + path;
    for (let attempt = 1;; attempt++) {
      const present = await this.#client.get(key);
      if (expected !== undefined) requireRevision(what, path, present, expected);
      const change = decide(present);
      const revision = present?.mod_revision ?? 0;
      if (change === null) return String(revision);
      try {
        const changed = await this.#client.swap(key, revision, change);
        if (changed !== null) return String(changed);
        if (expected !== undefined) throw conflict(what, path, "somebody changed it meanwhile");
      } catch (error) {
        const again = error instanceof EtcdError && error.isTransient && expected === undefined && attempt === 1;
        if (!again) throw error;
      }
      if (attempt >= attemptsMax) throw new EtcdError("others keep changing it");
    }
  }

  async #asking<T>(what: string, path: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      if (isTooLarge(error)) {
        const advice = "start etcd with a higher --max-request-bytes";
        throw new EntryTooLargeError(`Cannot ${what} entry "${path}": ${error.message}; ${advice}`, { cause: error });
      }
      throw new StoreUnavailableError(`Cannot ${what} "${path}" in etcd: ${error.message}`, { cause: error });
    }
  }
}

function requireRevision(what: string, path: string, present: EtcdKeyValue | null, expected: string | null): void {
  if (present === null) {
    if (expected !== null) throw conflict(what, path, "it is gone");
  } else if (expected === null) {
    throw conflict(what, path, "it exists already");
  } else if (String(present.mod_revision) !== expected) {
    throw conflict(what, path, "somebody changed it meanwhile");
  }
}

function conflict(what: string, path: string, why: string): RevisionConflictError {
  return new RevisionConflictError(`Cannot ${what} entry "${path}": ${why}`);
}

/** etcd refuses requests beyond its own limit, 1.5 MiB by default; far beyond it, its transport does. */
function isTooLarge({ code, message }: EtcdError): boolean {
  return code === grpcCode.invalidArgument && message.includes("request is too large")
    || code === grpcCode.resourceExhausted && message.includes("larger than max");
}
