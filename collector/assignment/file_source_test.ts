import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry, Store, StoreEvent } from "../../core/store/store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { collectionPath } from "../testing/collections.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { FileSource } from "./file_source.ts";
import type { SourceEvent } from "./source.ts";

/** A store of which the test decides every event. */
class ScriptedStore implements Store {
  entries: Entry[] = [];
  listener: (event: StoreEvent) => void = () => {};
  listed = Promise.withResolvers<void>();
  watchedPrefix = "";
  closed = false;

  get(): Promise<null> {
    return Promise.resolve(null);
  }

  list(prefix: string): Promise<Entry[]> {
    queueMicrotask(() => queueMicrotask(() => this.listed.resolve()));
    return Promise.resolve(this.entries.filter((entry) => entry.path.startsWith(prefix)));
  }

  put(): Promise<string> {
    return Promise.resolve("");
  }

  delete(): Promise<void> {
    return Promise.resolve();
  }

  watch(prefix: string, onEvent: (event: StoreEvent) => void): Promise<{ close(): Promise<void> }> {
    this.watchedPrefix = prefix;
    this.listener = onEvent;
    return Promise.resolve({
      close: () => {
        this.closed = true;
        return Promise.resolve();
      },
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function follow() {
  const store = new ScriptedStore();
  const clock = new ManualClock();
  const log = makeLogger("test", "silent");
  const source = new FileSource({ store, path: collectionPath, clock, log });
  const events: SourceEvent[] = [];
  await source.start((event) => events.push(event));
  return { store, clock, source, events };
}

const put = (text: string, path = collectionPath): StoreEvent => ({
  type: "put",
  entry: { path, text, revision: text },
});

test("changes of the collection are reported, those of other files are not", async () => {
  const { store, events, source } = await follow();
  assert.equal(store.watchedPrefix, collectionPath);
  for (const event of [put("one"), put("x", `${collectionPath}.yaml`), put("two")]) store.listener(event);
  store.listener({ type: "synced" });
  store.listener({ type: "delete", path: collectionPath });
  assert.deepEqual(events, [
    { type: "document", text: "one" },
    { type: "document", text: "two" },
    { type: "available" },
    { type: "absent" },
  ]);
  await source.close();
  assert.ok(store.closed);
  store.listener(put("three"));
  assert.equal(events.length, 4);
});

test("a collection that never was there is absent once the store holds anything of the cluster", async () => {
  const { store, clock, events, source } = await follow();
  store.listener({ type: "synced" });
  await store.listed.promise;
  assert.deepEqual(events.slice(1), [{
    type: "unavailable",
    reason: 'the store holds nothing of "BCS-K8S-00001/" yet',
  }]);
  store.entries = [{ path: "BCS-K8S-00001/metric/shop/cart.yaml", text: "", revision: "" }];
  store.listed = Promise.withResolvers();
  clock.advance(5000);
  await store.listed.promise;
  assert.deepEqual(events.at(-1), { type: "absent" });
  await source.close();
});

test("a store that is gone reports no absence, then what it holds when it is back", async () => {
  const { store, events, source } = await follow();
  for (const event of [put("one"), { type: "synced" } as const]) store.listener(event);
  store.listener({ type: "unavailable", reason: "the folder is gone" });
  store.listener({ type: "synced" });
  assert.deepEqual(events.slice(2), [{ type: "unavailable", reason: "the folder is gone" }, { type: "available" }]);
  await source.close();
});

test("an unreadable collection is not an absent one", async () => {
  const { store, events, source } = await follow();
  store.listener({ type: "unreadable", path: collectionPath, reason: "no UTF-8" });
  store.listener({ type: "synced" });
  assert.deepEqual(events, [{ type: "unreadable", reason: "no UTF-8" }, { type: "available" }]);
  await source.close();
});
