/** What an etcd can do to its clients, with real ones: each test has a cluster of its own. */
import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import type { SocketAddress } from "../../core/runtime/env.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { type EtcdOptions, openEtcd } from "../../core/store/etcd_store.ts";
import { type Store, StoreUnavailableError } from "../../core/store/store.ts";
import { EventLog } from "../../core/store/testing/event_log.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { EtcdProgram } from "../support/etcd.ts";
import { needs } from "../support/programs.ts";
import { Relay } from "../support/relay.ts";

const silent = makeLogger("test", "silent");
const pathOf = (name: string) => `c/metric/n/${name}.yaml`;

async function startEtcd(context: TestContext, members = 1): Promise<EtcdProgram[]> {
  const programs = await EtcdProgram.start(members);
  context.after(() => Promise.all(programs.map((program) => program.remove())));
  return programs;
}

/** A store over the endpoints, closed at the end of the test, before what was opened earlier. */
async function open(
  context: TestContext,
  endpoints: readonly SocketAddress[],
  changes: Partial<EtcdOptions> = {},
): Promise<Store> {
  const store = await openEtcd({ endpoints, env: systemEnv, log: silent, ...changes });
  context.after(() => store.close());
  return store;
}

async function follow(store: Store): Promise<EventLog> {
  const events = new EventLog();
  await store.watch("", events.listen);
  return events;
}

const put = (name: string, text: string) => `put ${pathOf(name)}=${text}`;

suite("an etcd that", needs("etcd"), () => {
  test("is killed and started again is followed on, with what changed meanwhile", async (context) => {
    const [etcd] = await startEtcd(context);
    assert.ok(etcd !== undefined);
    const store = await open(context, [etcd.address]);
    for (const name of ["a", "b"]) await store.put(pathOf(name), "1");
    const events = await follow(store);
    await etcd.kill();
    await events.until((lines) => lines.includes("unavailable"));
    await assert.rejects(store.get(pathOf("a")), StoreUnavailableError);
    await assert.rejects(store.list(""), StoreUnavailableError);
    await assert.rejects(store.put(pathOf("a"), "2"), StoreUnavailableError);
    await etcd.start();
    await store.put(pathOf("b"), "2");
    await store.put(pathOf("c"), "1");
    await events.until((lines) => lines.filter((line) => line === "synced").length === 2);
    await store.delete(pathOf("a"));
    await events.until((lines) => lines.includes(`delete ${pathOf("a")}`));
    const since = events.lines.slice(events.lines.indexOf("unavailable"));
    assert.deepEqual(since.toSorted(), [
      `delete ${pathOf("a")}`,
      put("b", "2"),
      put("c", "1"),
      "synced",
      "unavailable",
    ]);
  });

  test("compacts what a watcher has missed is compared with what the watcher knew", async (context) => {
    const [etcd] = await startEtcd(context);
    assert.ok(etcd !== undefined);
    const relay = await Relay.open(etcd.address);
    context.after(() => relay.close());
    const lines: string[] = [];
    const log = makeLogger("test", "debug", { write: (line: string) => void lines.push(line) });
    const direct = await open(context, [etcd.address]);
    for (const name of ["a", "b", "same"]) await direct.put(pathOf(name), "1");
    const events = await follow(await open(context, [relay.address], { log }));
    relay.cut();
    for (const text of ["2", "3"]) await direct.put(pathOf("a"), text);
    await direct.delete(pathOf("b"));
    await direct.put(pathOf("c"), "1");
    await etcd.compact();
    const before = events.lines.length;
    relay.release();
    await events.until((seen) => seen.includes(`delete ${pathOf("b")}`));
    await direct.put(pathOf("c"), "2");
    await events.until((seen) => seen.includes(put("c", "2")));
    assert.deepEqual(events.lines.slice(before), [
      put("a", "3"),
      put("c", "1"),
      `delete ${pathOf("b")}`,
      put("c", "2"),
    ]);
    assert.ok(lines.some((line) => line.includes("are compacted")));
  });

  test("a watcher reaches again soon enough tells every change that was missed", async (context) => {
    const [etcd] = await startEtcd(context);
    assert.ok(etcd !== undefined);
    const relay = await Relay.open(etcd.address);
    context.after(() => relay.close());
    const direct = await open(context, [etcd.address]);
    const events = await follow(await open(context, [relay.address]));
    for (let round = 1; round <= 3; round++) {
      relay.cut();
      for (const text of ["1", "2"]) await direct.put(pathOf("a"), `${round}.${text}`);
      await direct.delete(pathOf("a"));
      relay.release();
      await events.until((lines) => lines.filter((line) => line.startsWith("delete")).length === round);
    }
    const changes = ["1", "2", "3"].flatMap((round) => [
      put("a", `${round}.1`),
      put("a", `${round}.2`),
      `delete ${pathOf("a")}`,
    ]);
    assert.deepEqual(events.lines, ["synced", ...changes], "resumed behind the last change, not listed anew");
  });

  test("stands still is noticed by its silence, and calls to it end", async (context) => {
    const [etcd] = await startEtcd(context);
    assert.ok(etcd !== undefined);
    const store = await open(context, [etcd.address], { timeoutMs: 300, silenceMs: 300 });
    await store.put(pathOf("a"), "1");
    const events = await follow(store);
    etcd.signal("SIGSTOP");
    await assert.rejects(store.get(pathOf("a")), /no answer within 300 ms/);
    await events.until((lines) => lines.includes("unavailable"));
    etcd.signal("SIGCONT");
    await events.until((lines) => lines.at(-1) === "synced");
    assert.deepEqual(events.lines, [put("a", "1"), "synced", "unavailable", "synced"]);
  });

  test("comes back without its data is not taken for the removal of everything", async (context) => {
    const [etcd] = await startEtcd(context);
    assert.ok(etcd !== undefined);
    const store = await open(context, [etcd.address]);
    await store.put(pathOf("a"), "1");
    const events = await follow(store);
    await etcd.kill();
    await etcd.forget();
    await etcd.start();
    await assert.rejects(store.get(pathOf("a")), /it has gone back from revision \d+ to 1: was its data lost/);
    await assert.rejects(store.put(pathOf("a"), "2"), StoreUnavailableError);
    await events.until((lines) => lines.includes("unavailable"));
    assert.deepEqual(events.lines, [put("a", "1"), "synced", "unavailable"]);
    const anew = await open(context, [etcd.address]);
    assert.deepEqual(await anew.list(""), [], "a process that starts now takes it as it is");
  });

  test(
    "loses a member serves by the others, and without a majority not at all",
    { timeout: 60_000 },
    async (context) => {
      const members = await startEtcd(context, 3);
      const [first, second] = members;
      assert.ok(first !== undefined && second !== undefined);
      const store = await open(context, members.map(({ address }) => address), { timeoutMs: 1500, silenceMs: 500 });
      const events = await follow(store);
      await first.kill();
      const revision = await store.put(pathOf("a"), "1");
      await events.until((lines) => lines.includes(put("a", "1")));
      assert.deepEqual(events.lines, ["synced", put("a", "1")], "the loss of one shows nowhere");
      await second.kill();
      await assert.rejects(store.put(pathOf("a"), "2", revision), StoreUnavailableError);
      await events.until((lines) => lines.at(-1) === "unavailable");
      await second.start();
      await events.until((lines) => lines.at(-1) === "synced");
    },
  );

  test("is another cluster than before is refused", async (context) => {
    const [one] = await startEtcd(context);
    const [other] = await startEtcd(context);
    assert.ok(one !== undefined && other !== undefined);
    const store = await open(context, [one.address, other.address]);
    await store.put(pathOf("a"), "1");
    const events = await follow(store);
    await one.kill();
    await assert.rejects(store.get(pathOf("a")), /it belongs to another cluster/);
    await events.until((lines) => lines.includes("unavailable"));
    assert.deepEqual(events.lines, [put("a", "1"), "synced", "unavailable"]);
  });
});
