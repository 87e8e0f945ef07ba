import assert from "node:assert/strict";
import { test } from "node:test";
import { RevisionConflictError, type StoreEvent } from "../../core/store/store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { plainWorkload, type Workload, workloadPath } from "../orchestrator/workload.ts";
import { plainRule, type Wish } from "../workloads/wish.ts";
import { carryOut } from "./carry_out.ts";
import type { Plan } from "./view.ts";

function workloadOf(name: string): Workload {
  return { clusterId: "c1", namespace: "shop", name, replicas: 1, ...plainWorkload };
}

function setup(failing: Readonly<Record<string, Error>> = {}) {
  const steps: string[] = [];
  const events: StoreEvent[] = [];
  const step = (what: string) => {
    const failure = Object.entries(failing).find(([part]) => what.includes(part))?.[1];
    if (failure !== undefined) return Promise.reject(failure);
    steps.push(what);
    return Promise.resolve();
  };
  const deps = {
    log: makeLogger("test", "silent"),
    store: {
      get: () => Promise.resolve(null),
      put: (path: string, _text: string, expected?: string | null) =>
        step(`put ${path} over ${expected}`).then(() => "new"),
      delete: (path: string, expected?: string) => step(`delete ${path} at ${expected}`),
    },
    wish: (wishes: readonly Wish[]) =>
      void steps.push(
        `wish ${
          wishes.map(({ workload, rule }) => `${workload.name}${rule.hold === null ? "" : " (held)"}`).join(" ")
        }`,
      ),
    mayAct: () => true,
    onChange: (event: StoreEvent) => void events.push(event),
  };
  return { steps, events, deps };
}

const plan: Plan = {
  writes: [{ path: "a.yaml", text: "a", replaces: null }, { path: "b.yaml", text: "b", replaces: "r1" }],
  removals: [{ path: "c.yaml", revision: "r2" }, { path: "d.yaml", revision: null }],
  workloads: [workloadOf("kept"), workloadOf("new")],
  rules: new Map(),
  records: [{ scope: "c1/shop", path: "r.json", text: "r", replaces: null }],
  recordRemovals: [{ scope: "c1/old", path: "o.json", revision: "r3" }],
  namespaces: [],
  nextLookMs: Infinity,
};

test("records are written first, then collections, then workloads are wished for, then what is gone is removed", async () => {
  const { steps, events, deps } = setup();
  assert.deepEqual(await carryOut(plan, deps), { written: 2, removed: 2, failures: 0, fenced: false });
  assert.deepEqual(steps, [
    "put r.json over null",
    "put a.yaml over null",
    "put b.yaml over r1",
    "wish kept new",
    "delete c.yaml at r2",
    "delete d.yaml at undefined",
    "delete o.json at r3",
  ]);
  assert.deepEqual(events.map((event) => event.type), ["put", "put", "put", "delete", "delete", "delete"]);
  assert.deepEqual(events[1], { type: "put", entry: { path: "a.yaml", text: "a", revision: "new" } });
});

test("a step that fails is counted and holds up no other", async () => {
  const { steps, deps } = setup({ "a.yaml": new RevisionConflictError("changed"), "o.json": new Error("no") });
  assert.deepEqual(await carryOut(plan, deps), { written: 1, removed: 2, failures: 2, fenced: false });
  assert.deepEqual(steps.slice(1, 3), ["put b.yaml over r1", "wish kept new"]);
});

test("a workload that could not be remembered is left alone, and keeps what else holds it", async () => {
  const { steps, deps } = setup({ "r.json": new Error("no") });
  await carryOut(plan, deps);
  assert.ok(steps.includes("wish kept (held) new (held)"));
  const path = workloadPath(workloadOf("new"));
  const rules = new Map([[path, { ...plainRule, hold: { reason: "held", creates: true } }]]);
  const free = setup();
  await carryOut({ ...plan, rules }, free.deps);
  assert.ok(free.steps.includes("wish kept new (held)"));
});

test("from the moment that the service leads no more, nothing is done", async () => {
  for (let effects = 0; effects < 7; effects++) {
    const { steps, deps } = setup();
    const done = await carryOut(plan, { ...deps, mayAct: () => steps.length < effects });
    assert.equal(steps.length, effects);
    assert.deepEqual([done.fenced, done.failures], [true, 0]);
  }
});

test("what has no revision is left alone once it can be read", async () => {
  const { steps, deps } = setup();
  const get = (path: string) => Promise.resolve({ path, text: "another's", revision: "r9" });
  const writes = [{ path: "a.yaml", text: "a", replaces: undefined }];
  const done = await carryOut({ ...plan, writes, workloads: [], records: [], recordRemovals: [] }, {
    ...deps,
    store: { ...deps.store, get },
  });
  assert.deepEqual(steps, ["wish ", "delete c.yaml at r2"]);
  assert.deepEqual(done, { written: 0, removed: 1, failures: 2, fenced: false });
});
