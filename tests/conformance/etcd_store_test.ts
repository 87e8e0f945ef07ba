import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, before, suite, test, type TestContext } from "node:test";
import type { RegistryRecord } from "../../core/registry/records.ts";
import { makeRegistry } from "../../core/registry/store_registry.ts";
import { recordOf } from "../../core/registry/testing/record.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { openEtcd } from "../../core/store/etcd_store.ts";
import { EntryTooLargeError, RevisionConflictError, type Store, UnreadableEntryError } from "../../core/store/store.ts";
import { EventLog } from "../../core/store/testing/event_log.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { EtcdProgram } from "../support/etcd.ts";
import { needs } from "../support/programs.ts";
import { waitFor } from "../support/wait.ts";
import { storeConformance } from "./store_suite.ts";

const log = makeLogger("test", "silent");
const path = "c/metric/n/a.yaml";

suite("etcd", needs("etcd"), () => {
  let members: EtcdProgram[] = [];
  let prefixes = 0;

  before(async () => {
    members = await EtcdProgram.start();
  });
  after(() => Promise.all(members.map((member) => member.remove())));

  /** Two handles on a part of the etcd that no other test uses. */
  async function openTwo() {
    const prefix = `test-${prefixes++}/`;
    const options = { endpoints: members.map(({ address }) => address), prefix, env: systemEnv, log };
    const store = await openEtcd(options);
    const other = await openEtcd(options);
    const close = async () => {
      await store.close();
      await other.close();
    };
    return { prefix, store, other, close };
  }

  async function openFor(context: TestContext) {
    const opened = await openTwo();
    context.after(() => opened.close());
    return opened;
  }

  /** Writes as somebody would who does not use our store. */
  async function putRaw(entries: readonly { readonly key: string; readonly value: Uint8Array }[]): Promise<void> {
    for (let index = 0; index < entries.length; index += 100) {
      const success = entries.slice(index, index + 100).map(({ key, value }) => ({
        request_put: { key: Buffer.from(key).toString("base64"), value: Buffer.from(value).toString("base64") },
      }));
      const answer = await members[0]?.post("/v3/kv/txn", { success });
      assert.equal(answer?.status, 200);
    }
  }

  storeConformance("etcd store", openTwo);

  test("of two clients that write on the same condition exactly one succeeds", async (context) => {
    const { store, other } = await openFor(context);
    let revision: string | null = null;
    for (let round = 0; round < 25; round++) {
      const results: PromiseSettledResult<string>[] = await Promise.allSettled([
        store.put(path, `${round} of one`, revision),
        other.put(path, `${round} of the other`, revision),
      ]);
      const won = results.filter((result) => result.status === "fulfilled");
      const lost = results.filter((result) => result.status === "rejected");
      assert.equal(won.length, 1);
      assert.ok(lost[0]?.reason instanceof RevisionConflictError);
      revision = won[0]?.value ?? null;
    }
  });

  test("no change is lost between clients that read, change and write", async (context) => {
    const { store, other } = await openFor(context);
    await store.put(path, "0");
    const addOne = async (handle: Store): Promise<void> => {
      const present = await handle.get(path);
      try {
        await handle.put(path, String(Number(present?.text) + 1), present?.revision ?? null);
      } catch (error) {
        if (!(error instanceof RevisionConflictError)) throw error;
        await addOne(handle);
      }
    };
    const addMany = async (handle: Store) => {
      for (let count = 0; count < 20; count++) await addOne(handle);
    };
    await Promise.all([addMany(store), addMany(other)]);
    assert.equal((await store.get(path))?.text, "40");
  });

  test("unconditional writes of two clients all succeed, and the last one stays", async (context) => {
    const { store, other } = await openFor(context);
    const events = new EventLog();
    await store.watch("", events.listen);
    await Promise.all(
      Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? store : other).put(path, `${index}`)),
    );
    const text = (await store.get(path))?.text;
    await events.until((lines) => lines.at(-1) === `put ${path}=${text}`);
  });

  test("10,000 entries are listed and followed", { timeout: 60_000 }, async (context) => {
    const { prefix, store } = await openFor(context);
    const paths = Array.from({ length: 10_000 }, (_, index) => `c/metric/n${index % 7}/m${index}.yaml`).toSorted();
    await putRaw(paths.map((one) => ({ key: prefix + one, value: Buffer.from(`of ${one}`) })));
    const entries = await store.list("");
    assert.deepEqual(entries.map((entry) => entry.path), paths);
    assert.ok(entries.every((entry) => entry.text === `of ${entry.path}`));
    const events = new EventLog();
    await store.watch("", events.listen);
    assert.equal(events.events.length, 10_001);
    await putRaw(paths.map((one) => ({ key: prefix + one, value: Buffer.from("2") })));
    await events.until((lines) => lines.length === 20_001);
    assert.ok(events.lines.slice(10_001).every((line) => line.endsWith("=2")));
  });

  test("entries that are too much for one answer are listed all the same", async (context) => {
    const { store } = await openFor(context);
    const text = "x".repeat(1024 * 1024);
    const paths = Array.from({ length: 25 }, (_, index) => `c/metric/n/m${index}.yaml`);
    await Promise.all(paths.map((one) => store.put(one, text)));
    const entries = await store.list("");
    assert.equal(entries.length, 25);
    assert.ok(entries.every((entry) => entry.text.length === text.length));
  });

  test("what is no text, or too large, is unreadable, and mends itself", async (context) => {
    const { prefix, store } = await openFor(context);
    await putRaw([
      { key: `${prefix}${path}`, value: Uint8Array.of(0xff) },
      { key: `${prefix}${path}.txt`, value: Uint8Array.of(0x41) },
    ]);
    await assert.rejects(store.get(path), UnreadableEntryError);
    assert.deepEqual(await store.list(""), []);
    const events = new EventLog();
    await store.watch("", events.listen);
    await assert.rejects(store.put(path, "1", null), RevisionConflictError);
    await store.put(path, "1");
    await events.until((lines) => lines.length === 3);
    assert.deepEqual(events.lines, [`unreadable ${path}: the value is no UTF-8 text`, "synced", `put ${path}=1`]);
  });

  test("an entry beyond etcd's own limit is refused with the advice to raise it", async (context) => {
    const { store } = await openFor(context);
    for (const bytes of [2, 6]) {
      const put = store.put("c/collection/n/a.yaml", "x".repeat(bytes * 1024 * 1024));
      await assert.rejects(put, (error: Error) => {
        assert.ok(error instanceof EntryTooLargeError, error.message);
        assert.match(error.message, /--max-request-bytes/);
        return true;
      });
    }
  });

  test("a listener that throws does not end the watch", async (context) => {
    const { store } = await openFor(context);
    for (const name of ["a", "b"]) await store.put(`c/metric/n/${name}.yaml`, "1");
    const events = new EventLog();
    await store.watch("", (event) => {
      events.listen(event);
      throw new Error("a defect of the listener");
    });
    await store.put(path, "2");
    await store.delete(path);
    await events.until((lines) => lines.length === 5);
    assert.deepEqual(events.lines.slice(2), ["synced", `put ${path}=2`, `delete ${path}`]);
  });

  test("a lease removes its entries when it is not renewed, or ended", async (context) => {
    const { store, other } = await openFor(context);
    assert.ok(store.grantLease !== undefined);
    const [first, second] = [await store.grantLease(1000), await store.grantLease(60_000)];
    const nameOf = (name: string) => `.bcs-metric/registry/exporter/${name}.json`;
    await first.put(nameOf("a"), "1");
    await first.put(nameOf("kept"), "1");
    const revision = await second.put(nameOf("b"), "1", null);
    await assert.rejects(second.put(nameOf("a"), "2", null), RevisionConflictError);
    assert.equal(await second.put(nameOf("b"), "1"), revision, "what is there already is no change");
    assert.notEqual(await other.put(nameOf("kept"), "1"), revision, "it belongs to no lease any more");
    const events = new EventLog();
    await store.watch(".bcs-metric/", events.listen);
    await second.end();
    await events.until((lines) => lines.includes(`delete ${nameOf("b")}`));
    await events.until((lines) => lines.includes(`delete ${nameOf("a")}`));
    assert.equal(await first.renew(), false);
    await assert.rejects(first.put(nameOf("a"), "2"), /lease not found/);
    await second.end();
    assert.deepEqual((await store.list("")).map((entry) => entry.path), [nameOf("kept")]);
  });

  test("the registry works over it", async (context) => {
    const { store, other } = await openFor(context);
    const registryOn = (on: Store) => makeRegistry({ store: on, clock: systemEnv.clock, log, leaseMs: 900 });
    let seen: readonly RegistryRecord[] = [];
    const ids = (text: string) => waitFor(`"${text}"`, 5000, () => seen.map(({ id }) => id).join() === text || null);
    const watch = await registryOn(store).watch("exporter", (records) => seen = records);
    const a = await registryOn(store).register(() => recordOf("exporter", "a"));
    const b = await registryOn(other).register(() => recordOf("exporter", "b"));
    await ids("a,b");
    await a.close();
    await ids("b");
    await other.close();
    await ids("");
    await waitFor(
      "the removal of a dead process's record",
      5000,
      async () => (await store.list("")).length === 0 || null,
    );
    await b.close();
    await watch.close();
  });
});
