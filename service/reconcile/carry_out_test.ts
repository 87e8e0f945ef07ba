import assert from "node:assert/strict";
import { test } from "node:test";
import { RevisionConflictError, type StoreEvent } from "../../core/store/store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { makeNoneOrchestrator } from "../orchestrator/none_orchestrator.ts";
import { asApplied, plainWorkload, type Workload } from "../orchestrator/workload.ts";
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
  const listed = [workloadOf("kept"), workloadOf("old")].map((one) => ({ ...asApplied(one), instances: [] }));
  const deps = {
    log: makeLogger("test", "silent"),
    store: {
      get: () => Promise.resolve(null),
      put: (path: string, _text: string, expected?: string | null) =>
        step(`put ${path} over ${expected}`).then(() => "new"),
      delete: (path: string, expected?: string) => step(`delete ${path} at ${expected}`),
    },
    orchestrator: {
      ...makeNoneOrchestrator(),
      apply: (workload: Workload) => step(`apply ${workload.name}`),
      delete: (key: { name: string }) => step(`end ${key.name}`),
      list: () => Promise.resolve(listed),
    },
    mayAct: () => true,
    onChange: (event: StoreEvent) => void events.push(event),
  };
  return { steps, events, deps };
}

const plan: Plan = {
  writes: [{ path: "a.yaml", text: "a", replaces: null }, { path: "b.yaml", text: "b", replaces: "r1" }],
  removals: [{ path: "c.yaml", revision: "r2" }, { path: "d.yaml", revision: null }],
  workloads: [workloadOf("kept"), workloadOf("new")],
  namespaces: [],
  nextLookMs: Infinity,
};

test("collections are written first, then workloads are applied and ended, then files are removed", async () => {
  const { steps, events, deps } = setup();
  assert.deepEqual(await carryOut(plan, true, deps), { written: 2, removed: 2, failures: 0, fenced: false });
  assert.deepEqual(steps, [
    "put a.yaml over null",
    "put b.yaml over r1",
    "apply kept",
    "apply new",
    "end old",
    "delete c.yaml at r2",
    "delete d.yaml at undefined",
  ]);
  assert.deepEqual(events.map((event) => event.type), ["put", "put", "delete", "delete"]);
  assert.deepEqual(events[0], { type: "put", entry: { path: "a.yaml", text: "a", revision: "new" } });
});

test("while missing may not mean gone, no workload is ended", async () => {
  const { steps, deps } = setup();
  await carryOut({ ...plan, writes: [], removals: [] }, false, deps);
  assert.deepEqual(steps, ["apply kept", "apply new"]);
});

test("a step that fails is counted and holds up no other", async () => {
  const { steps, deps } = setup({ "a.yaml": new RevisionConflictError("changed"), "apply kept": new Error("no") });
  assert.deepEqual(await carryOut(plan, true, deps), { written: 1, removed: 2, failures: 2, fenced: false });
  assert.deepEqual(steps.slice(0, 3), ["put b.yaml over r1", "apply new", "end old"]);
});

test("from the moment that the service leads no more, nothing is done", async () => {
  for (let effects = 0; effects < 7; effects++) {
    const { steps, deps } = setup();
    const done = await carryOut(plan, true, { ...deps, mayAct: () => steps.length < effects });
    assert.equal(steps.length, effects);
    assert.deepEqual([done.fenced, done.failures], [true, 0]);
  }
});

test("what has no revision is left alone once it can be read", async () => {
  const { steps, deps } = setup();
  const get = (path: string) => Promise.resolve({ path, text: "another's", revision: "r9" });
  const writes = [{ path: "a.yaml", text: "a", replaces: undefined }];
  const done = await carryOut({ ...plan, writes, workloads: [] }, false, { ...deps, store: { ...deps.store, get } });
  assert.deepEqual(steps, ["delete c.yaml at r2"]);
  assert.deepEqual(done, { written: 0, removed: 1, failures: 2, fenced: false });
});
