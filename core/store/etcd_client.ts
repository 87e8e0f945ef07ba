import { z } from "zod";
import { EtcdAnswerTooLongError, EtcdError, type EtcdHttp } from "./etcd_http.ts";
import {
  type EtcdHeader,
  type EtcdKeyValue,
  grpcCode,
  keepAliveAnswer,
  leaseAnswer,
  rangeAnswer,
  rangeEnd,
  revokeAnswer,
  toBase64,
  txnAnswer,
  watchLine,
  type WatchResult,
} from "./etcd_messages.ts";

/** What a transaction does to a key when its revision is the expected one. */
export type Change = { readonly put: string; readonly lease: string } | "delete";

/** The keys that begin with a prefix, as they all were at one revision. */
export interface Listing {
  readonly revision: number;
  readonly keyValues: readonly EtcdKeyValue[];
}

/** Keys asked for at once; fewer when they hold so much that the answer gets too long. */
const pageKeys = 1000;

/** How often a listing begins anew because the revision that it reads is compacted under its hands. */
const listAttempts = 3;

/** The operations that we need of etcd. Every read is linearizable. */
export class EtcdClient {
  readonly #http: EtcdHttp;
  readonly #silenceMs: number;
  /** The cluster that answered first; null before. */
  #cluster: string | null = null;
  #revisionMax = 0;

  /** @param silenceMs How long a watch may bring nothing before it ends: a connection that has died tells nobody. */
  constructor(http: EtcdHttp, silenceMs: number) {
    this.#http = http;
    this.#silenceMs = silenceMs;
  }

  /** Proves that a cluster with a leader answers, and that it is the one that we know. */
  async probe(key: string): Promise<void> {
    await this.#range({ key: toBase64(key), count_only: true });
  }

  async get(key: string): Promise<EtcdKeyValue | null> {
    const answer = await this.#range({ key: toBase64(key) });
    return answer.kvs[0] ?? null;
  }

  /** Every key that begins with `prefix`, in order. */
  async list(prefix: string): Promise<Listing> {
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#listPages(prefix);
      } catch (error) {
        const compacted = error instanceof EtcdError && error.code === grpcCode.outOfRange;
        if (!compacted || attempt === listAttempts) throw error;
      }
    }
  }

  /**
   * Changes a key if its revision is the expected one; 0 means that there is no such key. Returns the revision of the
   * change, or null when the key's is another.
   */
  async swap(key: string, expected: number, change: Change): Promise<number | null> {
    const base64 = toBase64(key);
    const operation = change === "delete"
      ? { request_delete_range: { key: base64 } }
      : { request_put: { key: base64, value: toBase64(change.put), lease: change.lease } };
    const compare = { key: base64, target: "MOD", result: "EQUAL", mod_revision: String(expected) };
    const body = { compare: [compare], success: [operation] };
    // Were it repeated, it could find its own success in its way and take it for another's.
    const answer = await this.#ask("/v3/kv/txn", body, txnAnswer, false);
    return answer.succeeded ? answer.header.revision : null;
  }

  /**
   * What happens to the keys that begin with `prefix` after `revision`, until the connection ends. The first result
   * says that the watch is open, or why it cannot be.
   */
  async *watch(prefix: string, revision: number, signal: AbortSignal): AsyncGenerator<WatchResult> {
    const create = {
      key: toBase64(prefix),
      range_end: rangeEnd(prefix),
      start_revision: String(revision + 1),
      progress_notify: true,
      // Without it, one line would hold all that has changed since the revision.
      fragment: true,
    };
    for await (const line of this.#http.stream("/v3/watch", { create_request: create }, this.#silenceMs, signal)) {
      const message = read(watchLine, JSON.parse(line));
      if ("result" in message) yield message.result;
      else throw new EtcdError(typeof message.error === "string" ? message.error : message.error.message);
    }
  }

  /** A new lease of so many seconds; returns its id. */
  async grant(ttlSeconds: number): Promise<string> {
    const answer = await this.#ask("/v3/lease/grant", { TTL: String(ttlSeconds) }, leaseAnswer, true);
    return answer.ID;
  }

  /** Returns whether the lease still was there. */
  async keepAlive(lease: string): Promise<boolean> {
    const answer = await this.#ask("/v3/lease/keepalive", { ID: lease }, keepAliveAnswer, true);
    return answer.TTL > 0;
  }

  /** Ends the lease, and with it the keys that belong to it. Ending one that is over is a success. */
  async revoke(lease: string): Promise<void> {
    try {
      await this.#ask("/v3/lease/revoke", { ID: lease }, revokeAnswer, true);
    } catch (error) {
      if (!(error instanceof EtcdError && error.code === grpcCode.notFound)) throw error;
    }
  }

  /** Lets the next request go to another endpoint. */
  avoid(): void {
    this.#http.avoid();
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  async #listPages(prefix: string): Promise<Listing> {
    const keyValues: EtcdKeyValue[] = [];
    const range_end = rangeEnd(prefix);
    let key = toBase64(prefix);
    let revision = 0;
    let limit = pageKeys;
    for (;;) {
      const body = { key, range_end, limit: String(limit), revision: String(revision) };
      let answer: z.output<typeof rangeAnswer>;
      try {
        answer = await this.#range(body);
      } catch (error) {
        if (!(error instanceof EtcdAnswerTooLongError) || limit === 1) throw error;
        limit = Math.ceil(limit / 8);
        continue;
      }
      // The pages that follow are read as of the first one's revision, so that all are of one moment.
      revision ||= answer.header.revision;
      keyValues.push(...answer.kvs);
      const last = answer.kvs.at(-1);
      if (!answer.more || last === undefined) return { revision, keyValues };
      key = Buffer.concat([Buffer.from(last.key, "base64"), Buffer.of(0)]).toString("base64");
    }
  }

  async #range(body: object): Promise<z.output<typeof rangeAnswer>> {
    const revisionMax = this.#revisionMax;
    const answer = await this.#ask("/v3/kv/range", body, rangeAnswer, true);
    if (answer.header.revision < revisionMax) {
      const why = `it has gone back from revision ${revisionMax} to ${answer.header.revision}: was its data lost, or `
        + `restored from a backup? Restart this process to go on with what etcd holds now`;
      throw new EtcdError(`${this.#http.preferred}: ${why}`);
    }
    return answer;
  }

  async #ask<Schema extends z.ZodType<{ readonly header: EtcdHeader }>>(
    path: string,
    body: object,
    schema: Schema,
    repeatable: boolean,
  ): Promise<z.output<Schema>> {
    const answer = read(schema, await this.#http.call(path, body, repeatable));
    this.#take(answer.header);
    return answer;
  }

  #take(header: EtcdHeader): void {
    this.#cluster ??= header.cluster_id;
    if (header.cluster_id !== this.#cluster) {
      const where = this.#http.preferred;
      this.#http.avoid();
      throw new EtcdError(`${where}: it belongs to another cluster than the one that answered before`);
    }
    this.#revisionMax = Math.max(this.#revisionMax, header.revision);
  }
}

function read<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new EtcdError(`etcd's answer cannot be understood: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}
