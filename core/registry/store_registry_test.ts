import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../errors.ts";
import type { Clock } from "../runtime/env.ts";
import { MemoryStore } from "../store/memory_store.ts";
import { makeLogger } from "../telemetry/log.ts";
import type { Registry, RegistryRecord } from "./records.ts";
import { makeRegistry } from "./store_registry.ts";
import { recordOf } from "./testing/record.ts";

const pathOfA = ".bcs-metric/registry/exporter/a.json";

/** Two processes, each with its own clock, on one store. Time passes only when a test says so. */
class Stage {
  readonly store = new MemoryStore();
  readonly lines: string[] = [];
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly run: () => void; readonly owner: string }[] = [];
  readonly #log = makeLogger("test", "debug", { write: (line: string) => void this.lines.push(line) });

  process(owner: string, wallAheadMs = 0): Registry {
    const clock: Clock = {
      wallMs: () => 1_800_000_000_000 + this.#nowMs + wallAheadMs,
      monotonicMs: () => this.#nowMs,
      after: (delayMs, run) => {
        const timer = { atMs: this.#nowMs + delayMs, run, owner };
        this.#timers.push(timer);
        return () => {
          this.#timers = this.#timers.filter((one) => one !== timer);
        };
      },
    };
    return makeRegistry({ store: this.store, clock, log: this.#log });
  }

  /** The process stops without a word. */
  kill(owner: string): void {
    this.#timers = this.#timers.filter((timer) => timer.owner !== owner);
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settled();
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = endMs;
    await settled();
  }

  /** Time passes for everybody but nothing runs, as when the machine sleeps. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }
}

/** Lets everything happen that waits for no timer. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What the watcher was told, each time as the ids and one field of load. */
function watcher() {
  const told: string[] = [];
  const onChange = (records: readonly RegistryRecord[]) => {
    told.push(records.map(({ id, load }) => `${id}=${load["connections"]}`).join(" "));
  };
  return { told, onChange };
}

test("a record is seen with its load, is renewed, and is withdrawn on close", async () => {
  const stage = new Stage();
  const { told, onChange } = watcher();
  const watch = await stage.process("reader").watch("exporter", onChange);
  let connections = 0;
  const registration = await stage.process("writer").register(() =>
    recordOf("exporter", "a", { load: { connections } })
  );
  connections = 3;
  await stage.advance(5000);
  await stage.advance(60_000);
  await registration.close();
  assert.deepEqual(told, ["", "a=0", "a=3", ""]);
  assert.equal(await stage.store.get(pathOfA), null);
  await watch.close();
  assert.equal(stage.pendingTimers, 0);
});

test("the entry is as the design says, three renewals a lease", async () => {
  const stage = new Stage();
  const registration = await stage.process("writer").register(() => recordOf("exporter", "a"));
  await stage.advance(15_000);
  const entry: unknown = JSON.parse((await stage.store.get(pathOfA))?.text ?? "");
  assert.deepEqual(entry, {
    record: recordOf("exporter", "a"),
    leaseMs: 15_000,
    renewedAtMs: 1_800_000_000_000 + 15_000,
    renewals: 4,
  });
  await registration.close();
});

test("a process that dies vanishes when its lease has run out, not before", async () => {
  const stage = new Stage();
  const { told, onChange } = watcher();
  const watch = await stage.process("reader").watch("exporter", onChange);
  await stage.process("writer").register(() => recordOf("exporter", "a"));
  await stage.advance(7000);
  stage.kill("writer");
  await stage.advance(12_999);
  assert.deepEqual(told, ["", "a=0"]);
  await stage.advance(1);
  assert.deepEqual(told, ["", "a=0", ""]);
  await watch.close();
});

test("clocks that are hours apart do not matter to a renewed record", async () => {
  const stage = new Stage();
  const { told, onChange } = watcher();
  await stage.process("writer", -7_200_000).register(() => recordOf("exporter", "a"));
  const watch = await stage.process("reader").watch("exporter", onChange);
  assert.deepEqual(told, [""]);
  await stage.advance(60_000);
  assert.deepEqual(told, ["", "a=0"]);
  await watch.close();
});

test("a reader that stood still looks again before it believes that everybody died", async () => {
  const stage = new Stage();
  const { told, onChange } = watcher();
  const watch = await stage.process("reader").watch("exporter", onChange);
  await stage.process("writer").register(() => recordOf("exporter", "a"));
  stage.stall(100_000);
  const entry = JSON.parse((await stage.store.get(pathOfA))?.text ?? "");
  // The renewal reaches the store, but the notification of it never comes.
  const get = stage.store.get.bind(stage.store);
  stage.store.get = async (path) => {
    const found = await get(path);
    const text = JSON.stringify({ ...entry, renewals: 2 });
    return found === null ? null : { ...found, text, revision: "renewed" };
  };
  stage.kill("writer");
  await stage.advance(0);
  assert.deepEqual(told, ["", "a=0"]);
  await watch.close();
});

test("while the store is unavailable the records stay, and renewals are tried until they succeed", async () => {
  const stage = new Stage();
  const { told, onChange } = watcher();
  const watch = await stage.process("reader").watch("exporter", onChange);
  const registration = await stage.process("writer").register(() => recordOf("exporter", "a"));
  stage.store.fail("the disk is gone");
  await stage.advance(600_000);
  assert.deepEqual(told, ["", "a=0"]);
  stage.store.recover();
  await stage.advance(60_000);
  assert.deepEqual(told, ["", "a=0"]);
  assert.ok(stage.lines.some((line) => line.includes("announcing to the registry failed")));
  await registration.close();
  assert.deepEqual(told, ["", "a=0", ""]);
  await watch.close();
});

test("a registration begins even when the store is unavailable at first", async () => {
  const stage = new Stage();
  const { told, onChange } = watcher();
  stage.store.fail("not mounted yet");
  const watch = await stage.process("reader").watch("exporter", onChange);
  const registration = await stage.process("writer").register(() => recordOf("exporter", "a"));
  assert.deepEqual(told, [], "nothing is known, which is not the same as nobody being there");
  stage.store.recover();
  await stage.advance(1000);
  assert.deepEqual(told, ["", "a=0"]);
  await registration.close();
  await watch.close();
});

test("closing withdraws no successor of the same id", async () => {
  const stage = new Stage();
  const first = await stage.process("first").register(() => recordOf("exporter", "a", { instance: "1" }));
  const second = await stage.process("second").register(() => recordOf("exporter", "a", { instance: "2" }));
  await first.close();
  assert.match((await stage.store.get(pathOfA))?.text ?? "", /"instance": "2"/);
  await second.close();
});

test("two living processes of one id are warned of", async () => {
  const stage = new Stage();
  const first = await stage.process("first").register(() => recordOf("exporter", "a", { instance: "1" }));
  const second = await stage.process("second").register(() => recordOf("exporter", "a", { instance: "2" }));
  await stage.advance(10_000);
  assert.ok(stage.lines.some((line) => line.includes("another process announces the same id")));
  await first.close();
  await second.close();
});

test("an entry that is long dead is removed by whoever sees it", async () => {
  const stage = new Stage();
  await stage.process("writer").register(() => recordOf("exporter", "a"));
  stage.kill("writer");
  stage.stall(700_000);
  const { told, onChange } = watcher();
  const watch = await stage.process("reader").watch("exporter", onChange);
  await stage.advance(59_000);
  assert.notEqual(await stage.store.get(pathOfA), null);
  await stage.advance(62_000);
  assert.equal(await stage.store.get(pathOfA), null);
  assert.deepEqual(told, [""]);
  await watch.close();
});

test("modules are apart, and what is no record is logged and left alone", async () => {
  const stage = new Stage();
  const { told, onChange } = watcher();
  stage.store.putElsewhere(".bcs-metric/registry/exporter/bad.json", "{");
  stage.store.putElsewhere(".bcs-metric/registry/exporter/worse.json", "{}");
  const watch = await stage.process("reader").watch("exporter", onChange);
  const registration = await stage.process("writer").register(() => recordOf("collector", "a"));
  assert.deepEqual(told, [""]);
  assert.equal(stage.lines.filter((line) => line.includes("an entry of the registry is invalid")).length, 2);
  await registration.close();
  await watch.close();
});

test("fields that are not known are handed on", async () => {
  const stage = new Stage();
  const seen: RegistryRecord[] = [];
  const record = { ...recordOf("exporter", "a"), provider: "old" };
  const registration = await stage.process("writer").register(() => record);
  const watch = await stage.process("reader").watch("exporter", (records) => void seen.push(...records));
  assert.deepEqual(seen, [record]);
  await registration.close();
  await watch.close();
});

test("an id that is no safe name is refused", async () => {
  const stage = new Stage();
  await assert.rejects(stage.process("writer").register(() => recordOf("exporter", "../a")), UserError);
});

test("a renewal is no change, and shows in the lease of the record", async () => {
  const stage = new Stage();
  const { told, onChange } = watcher();
  const watch = await stage.process("reader").watch("exporter", onChange);
  assert.deepEqual(watch.live(), []);
  const registration = await stage.process("writer").register(() => recordOf("exporter", "a"));
  await stage.advance(11_000);
  const lease = { leaseMs: 15_000, renewedAtMs: 1_800_000_000_000 + 10_000 };
  assert.deepEqual(watch.live(), [{ ...recordOf("exporter", "a"), ...lease }]);
  assert.deepEqual(told, ["", "a=0"]);
  await registration.close();
  assert.deepEqual(watch.live(), []);
  await watch.close();
});
