import assert from "node:assert/strict";
import { test } from "node:test";
import { EntryTooLargeError, RevisionConflictError, type Store, StorePathError } from "../../core/store/store.ts";
import { EventLog } from "../../core/store/testing/event_log.ts";

/** An empty store and what belongs to it. */
export interface OpenedStore {
  readonly store: Store;
  /** Another handle on the same content, as another process has one. */
  readonly other: Store;
  /** Closes both and removes the content. */
  close(): Promise<void>;
}

const path = "BCS-K8S-00001/metric/shop/cart.yaml";

/** What every implementation of {@link Store} has to pass. `open` gives a new, empty store for each test. */
export function storeConformance(name: string, open: () => Promise<OpenedStore>): void {
  function check(what: string, body: (opened: OpenedStore) => Promise<void>): void {
    test(`${name}: ${what}`, async () => {
      const opened = await open();
      try {
        await body(opened);
      } finally {
        await opened.close();
      }
    });
  }
  entryCases(check);
  conditionCases(check);
  watchCases(check);
}

type Check = (what: string, body: (opened: OpenedStore) => Promise<void>) => void;

function entryCases(check: Check): void {
  check("an entry is read as it was written, by every handle", async ({ store, other }) => {
    assert.equal(await store.get(path), null);
    const text = "name: 购物车 ✓\r\n\n";
    const revision = await store.put(path, text);
    for (const handle of [store, other]) assert.deepEqual(await handle.get(path), { path, text, revision });
  });

  check("the revision differs when the text does, and only a change of text is a change", async ({ store }) => {
    const first = await store.put(path, "a: 1\n");
    assert.equal(await store.put(path, "a: 1\n"), first);
    assert.notEqual(await store.put(path, "a: 2\n"), first);
  });

  check("entries are listed sorted, by any prefix", async ({ store }) => {
    const paths = ["b/metric/n/x.yaml", "a/metric/n/y.yaml", "a/metric/n/x.yaml", ".bcs-metric/status/a/n/c.json"];
    for (const one of paths) await store.put(one, `of ${one}`);
    const listed = async (prefix: string) => (await store.list(prefix)).map((entry) => entry.path);
    assert.deepEqual(await listed(""), paths.toSorted());
    assert.deepEqual(await listed("a/"), ["a/metric/n/x.yaml", "a/metric/n/y.yaml"]);
    assert.deepEqual(await listed("a/metric/n/y"), ["a/metric/n/y.yaml"]);
    assert.deepEqual(await listed("a/met"), ["a/metric/n/x.yaml", "a/metric/n/y.yaml"]);
    assert.deepEqual(await listed(".bcs-metric/"), [".bcs-metric/status/a/n/c.json"]);
    assert.deepEqual(await listed("c/"), []);
    const [entry] = await store.list("b/");
    assert.deepEqual(entry, await store.get("b/metric/n/x.yaml"));
  });

  check("a path that leaves the store or is no safe name is refused", async ({ store }) => {
    const bad = [
      "",
      "/etc/passwd.yaml",
      "../x.yaml",
      "a/../../x.yaml",
      "a//x.yaml",
      "a/./x.yaml",
      "a\\..\\x.yaml",
      "a/x y.yaml",
      "a/.hidden.yaml",
      ".bcs-metric/../x.yaml",
      ".bcs-metric",
      ".git/x.yaml",
      "a/x\0.yaml",
      "a/-x.yaml",
      "a/x.json",
      `a/${"n".repeat(254)}`,
    ];
    for (const one of bad) {
      await assert.rejects(store.put(one, "x"), StorePathError, one);
      await assert.rejects(store.get(one), StorePathError, one);
      await assert.rejects(store.delete(one), StorePathError, one);
    }
    assert.deepEqual(await store.list(""), []);
  });

  check("a text that is too long is refused and changes nothing", async ({ store }) => {
    await store.put(path, "a: 1\n");
    await assert.rejects(store.put(path, "x".repeat(1024 * 1024 + 1)), EntryTooLargeError);
    assert.equal((await store.get(path))?.text, "a: 1\n");
    const generated = "c/collection/n/big.yaml";
    await store.put(generated, "y".repeat(1024 * 1024 + 1));
    assert.equal((await store.get(generated))?.text.length, 1024 * 1024 + 1);
  });

  check("deleting is idempotent", async ({ store, other }) => {
    await store.put(path, "a: 1\n");
    await other.delete(path);
    assert.equal(await store.get(path), null);
    await store.delete(path);
    await store.delete("no/metric/such/entry.yaml");
  });
}

function conditionCases(check: Check): void {
  check("null as the expected revision means that there must be no entry", async ({ store }) => {
    const revision = await store.put(path, "a: 1\n", null);
    await assert.rejects(store.put(path, "a: 2\n", null), RevisionConflictError);
    await assert.rejects(store.put(path, "a: 1\n", null), RevisionConflictError, "the condition precedes equal text");
    assert.equal((await store.get(path))?.revision, revision);
  });

  check("an expected revision must be the present one", async ({ store, other }) => {
    const first = await store.put(path, "a: 1\n");
    const second = await other.put(path, "a: 2\n", first);
    await assert.rejects(store.put(path, "a: 3\n", first), RevisionConflictError);
    assert.equal((await store.get(path))?.text, "a: 2\n");
    await assert.rejects(store.delete(path, first), RevisionConflictError);
    await store.delete(path, second);
    await assert.rejects(store.delete(path, second), RevisionConflictError);
    await assert.rejects(store.put(path, "a: 3\n", second), RevisionConflictError);
    assert.equal(await store.get(path), null);
  });

  check("of several conditional writes through one handle exactly one succeeds", async ({ store }) => {
    const revision = await store.put(path, "a: 0\n");
    const texts = Array.from({ length: 8 }, (_, index) => `a: ${index + 1}\n`);
    const results = await Promise.allSettled(texts.map((text) => store.put(path, text, revision)));
    const winners = results.flatMap((result, index) => result.status === "fulfilled" ? [texts[index]] : []);
    assert.equal(winners.length, 1);
    assert.equal((await store.get(path))?.text, winners[0]);
  });
}

function watchCases(check: Check): void {
  check("a watch reports what is there, that this is all, and then each change", async ({ store }) => {
    await store.put("b/metric/n/x.yaml", "1");
    await store.put("a/metric/n/x.yaml", "1");
    const log = new EventLog();
    const watch = await store.watch("", log.listen);
    const start = ["put a/metric/n/x.yaml=1", "put b/metric/n/x.yaml=1", "synced"];
    await log.until((lines) => lines.length >= 3);
    assert.deepEqual(log.lines, start);
    await store.put("a/metric/n/x.yaml", "2");
    await log.until((lines) => lines.length >= 4);
    await store.delete("b/metric/n/x.yaml");
    await log.until((lines) => lines.length >= 5);
    await store.put("c/metric/new/x.yaml", "1");
    await log.until((lines) => lines.length >= 6);
    assert.deepEqual(log.lines.slice(3), [
      "put a/metric/n/x.yaml=2",
      "delete b/metric/n/x.yaml",
      "put c/metric/new/x.yaml=1",
    ]);
    const put = log.events.at(-1);
    assert.equal(put?.type === "put" && put.entry.revision, (await store.get("c/metric/new/x.yaml"))?.revision);
    await watch.close();
  });

  check("a watch sees what another handle does, also where nothing was before", async ({ store, other }) => {
    const log = new EventLog();
    const watch = await store.watch(".bcs-metric/registry/exporter/", log.listen);
    assert.deepEqual(log.lines, ["synced"]);
    await other.put(".bcs-metric/registry/exporter/a.json", "1");
    await log.until((lines) => lines.includes("put .bcs-metric/registry/exporter/a.json=1"));
    await other.put(".bcs-metric/registry/exporter/a.json", "2");
    await log.until((lines) => lines.includes("put .bcs-metric/registry/exporter/a.json=2"));
    await other.delete(".bcs-metric/registry/exporter/a.json");
    await log.until((lines) => lines.includes("delete .bcs-metric/registry/exporter/a.json"));
    await watch.close();
  });

  check("a watch reports nothing outside its prefix, and nothing after it is closed", async ({ store }) => {
    const log = new EventLog();
    const watch = await store.watch("a/metric/n/x", log.listen);
    await store.put("a/metric/n/y.yaml", "1");
    await store.put("a/metric/m/x.yaml", "1");
    await store.put("a/metric/n/x1.yaml", "1");
    await log.until((lines) => lines.length >= 2);
    assert.deepEqual(log.lines, ["synced", "put a/metric/n/x1.yaml=1"]);
    await watch.close();
    const second = new EventLog();
    const following = await store.watch("a/metric/n/", second.listen);
    await store.put("a/metric/n/x1.yaml", "2");
    await second.until((lines) => lines.includes("put a/metric/n/x1.yaml=2"));
    assert.equal(log.lines.length, 2);
    await following.close();
  });
}
