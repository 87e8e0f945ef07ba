import { base64Bytes, type EtcdKeyValue, fromBase64 } from "./etcd_messages.ts";
import { entryBytesMax, isEntryPath } from "./paths.ts";
import type { Entry, StoreEvent } from "./store.ts";

/** What a key of etcd is to us. */
export type EtcdEntry =
  | { readonly found: "text"; readonly entry: Entry }
  | { readonly found: "unreadable"; readonly path: string; readonly revision: string; readonly reason: string };

/** The entry that a key holds; null when the key, which begins with `prefix`, is none of ours. */
export function entryOf(keyValue: EtcdKeyValue, prefix: string): EtcdEntry | null {
  const path = pathOf(keyValue, prefix);
  if (path === null) return null;
  const revision = String(keyValue.mod_revision);
  const bytesMax = entryBytesMax(path);
  if (base64Bytes(keyValue.value) > bytesMax) {
    return { found: "unreadable", path, revision, reason: `the value is larger than ${bytesMax} bytes` };
  }
  const text = fromBase64(keyValue.value);
  if (text === null) return { found: "unreadable", path, revision, reason: "the value is no UTF-8 text" };
  return { found: "text", entry: { path, text, revision } };
}

/** The path that a key stands for; null when it cannot be an entry's. */
export function pathOf({ key }: { readonly key: string }, prefix: string): string | null {
  const path = fromBase64(key)?.slice(prefix.length) ?? "";
  return path !== "" && isEntryPath(path) ? path : null;
}

/** What a watch has reported: turns what etcd tells next into what is new about it. It does no I/O. */
export class ReportedEntries {
  readonly #prefix: string;
  readonly #revisions = new Map<string, string>();

  /** @param prefix What all keys of the store begin with. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Takes all keys as they are now: whatever is not among them has been deleted. */
  takeAll(keyValues: readonly EtcdKeyValue[]): StoreEvent[] {
    const events: StoreEvent[] = [];
    const present = new Set<string>();
    for (const keyValue of keyValues) {
      const found = entryOf(keyValue, this.#prefix);
      if (found === null) continue;
      present.add(found.found === "text" ? found.entry.path : found.path);
      const event = this.#put(found);
      if (event !== null) events.push(event);
    }
    for (const path of this.#revisions.keys()) {
      if (present.has(path)) continue;
      this.#revisions.delete(path);
      events.push({ type: "delete", path });
    }
    return events;
  }

  /** Takes one change; null when it is none to the watcher. */
  takeChange(type: "PUT" | "DELETE", keyValue: EtcdKeyValue): StoreEvent | null {
    if (type === "DELETE") {
      const path = pathOf(keyValue, this.#prefix);
      return path !== null && this.#revisions.delete(path) ? { type: "delete", path } : null;
    }
    const found = entryOf(keyValue, this.#prefix);
    return found === null ? null : this.#put(found);
  }

  #put(found: EtcdEntry): StoreEvent | null {
    const { path, revision } = found.found === "text" ? found.entry : found;
    if (this.#revisions.get(path) === revision) return null;
    this.#revisions.set(path, revision);
    return found.found === "text"
      ? { type: "put", entry: found.entry }
      : { type: "unreadable", path, reason: found.reason };
  }
}
