import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChildEnd } from "../../../core/runtime/child.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { WorkloadMissingError } from "../orchestrator.ts";
import { plainWorkload, type Workload } from "../workload.ts";
import { type Instance, makeProcessOrchestrator } from "./process_orchestrator.ts";

interface FakeProcess {
  readonly instance: Instance;
  stopped: boolean;
  end(end?: Partial<ChildEnd>): Promise<void>;
}

function setup() {
  const clock = new ManualClock();
  const processes: FakeProcess[] = [];
  const failures: Error[] = [];
  let restarts = 0;
  const orchestrator = makeProcessOrchestrator({
    clock,
    log: makeLogger("test", "silent"),
    graceMs: 1000,
    onRestart: () => restarts++,
    logOf: ({ name }) => `/logs/${name}`,
    start(instance) {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      const { promise: ended, resolve } = Promise.withResolvers<ChildEnd>();
      const fake: FakeProcess = {
        instance,
        stopped: false,
        async end(end = {}) {
          resolve({ code: 0, signal: null, reason: "", ...end });
          await ended;
        },
      };
      processes.push(fake);
      return {
        pid: processes.length,
        ended,
        stop() {
          fake.stopped = true;
          return ended;
        },
      };
    },
  });
  return { clock, processes, failures, orchestrator, restarts: () => restarts };
}

function workload(replicas: number, env: Record<string, string> = {}): Workload {
  return { clusterId: "c1", namespace: "shop", name: "bcs-collector-shop", replicas, ...plainWorkload, env };
}

test("a workload has one process for each ordinal, and applying it again changes nothing", async () => {
  const { orchestrator, processes } = setup();
  await orchestrator.apply(workload(2));
  await orchestrator.apply(workload(2));
  assert.deepEqual(processes.map(({ instance }) => instance.name), ["bcs-collector-shop-0", "bcs-collector-shop-1"]);
  const [status] = await orchestrator.list();
  assert.deepEqual(status?.instances.map(({ state, pid, restarts }) => ({ state, pid, restarts })), [
    { state: "running", pid: 1, restarts: 0 },
    { state: "running", pid: 2, restarts: 0 },
  ]);
});

test("scaling starts what is missing and stops the highest ordinals", async () => {
  const { orchestrator, processes } = setup();
  await orchestrator.apply(workload(1));
  await orchestrator.scale(workload(1), 3);
  assert.equal(processes.length, 3);
  await orchestrator.scale(workload(1), 1);
  assert.deepEqual(processes.map((one) => one.stopped), [false, true, true]);
});

test("a workload that is not there cannot be scaled, but can be deleted", async () => {
  const { orchestrator } = setup();
  await assert.rejects(orchestrator.scale(workload(1), 2), WorkloadMissingError);
  await orchestrator.delete(workload(1));
});

test("a process that dies is started again after a pause, and the status says how it ended", async () => {
  const { orchestrator, processes, clock, restarts } = setup();
  await orchestrator.apply(workload(1));
  await processes[0]?.end({ code: null, signal: "SIGKILL" });
  const [waiting] = await orchestrator.list();
  assert.deepEqual(waiting?.instances[0], {
    name: "bcs-collector-shop-0",
    ordinal: 0,
    state: "waiting",
    pid: 0,
    restarts: 0,
    lastEnd: "killed by SIGKILL",
  });
  clock.advance(999);
  assert.equal(processes.length, 1);
  clock.advance(1);
  assert.equal(processes.length, 2);
  assert.equal(restarts(), 1);
});

test("one that ends again and again is one problem throughout, until it has run for a while", async () => {
  const { orchestrator, processes, clock } = setup();
  await orchestrator.apply(workload(1));
  const problem = async () => (await orchestrator.list())[0]?.problem;
  await processes[0]?.end({ code: 2, signal: null });
  assert.equal(await problem(), "bcs-collector-shop-0 is started again after a pause; it ended: exit code 2");
  clock.advance(1000);
  assert.equal(await problem(), "", "once is an accident");
  for (const pauseMs of [2000, 4000]) {
    await processes.at(-1)?.end({ code: 2, signal: null });
    const told = "bcs-collector-shop-0 ends again and again: exit code 2; its log: /logs/bcs-collector-shop-0";
    assert.equal(await problem(), told);
    clock.advance(pauseMs);
    assert.equal(await problem(), told);
  }
  clock.advance(60_000);
  assert.equal(await problem(), "");
});

test("what cannot even be started is tried again like what ended", async () => {
  const { orchestrator, processes, clock, failures } = setup();
  failures.push(new Error("no room"));
  await orchestrator.apply(workload(1));
  await Promise.resolve();
  const [status] = await orchestrator.list();
  assert.equal(status?.instances[0]?.lastEnd, "could not be started: no room");
  clock.advance(1000);
  assert.equal(processes.length, 1);
});

test("a changed environment restarts the process; a changed number of replicas does not", async () => {
  const { orchestrator, processes } = setup();
  await orchestrator.apply(workload(1, { A: "1" }));
  await orchestrator.apply(workload(1, { A: "2" }));
  assert.equal(processes[0]?.stopped, true);
  await processes[0]?.end();
  assert.equal(processes[1]?.instance.workload.env["A"], "2");
});

test("a deleted workload is gone from the list and its processes are stopped", async () => {
  const { orchestrator, processes } = setup();
  await orchestrator.apply(workload(1));
  await orchestrator.delete(workload(1));
  assert.deepEqual(await orchestrator.list(), []);
  assert.equal(processes[0]?.stopped, true);
});

test("each change is reported, and a wish that is fulfilled already is none", async () => {
  const { orchestrator, processes } = setup();
  let changes = 0;
  const watch = orchestrator.watch(() => changes++);
  await orchestrator.apply(workload(1));
  await orchestrator.apply(workload(1));
  await processes[0]?.end();
  assert.equal(changes, 2);
  watch.close();
  await orchestrator.delete(workload(1));
  assert.equal(changes, 2);
});

test("closing stops every process, waits for its end, and starts none again", async () => {
  const { orchestrator, processes, clock } = setup();
  await orchestrator.apply(workload(2));
  await processes[1]?.end();
  const closed = orchestrator.close();
  assert.equal(processes[0]?.stopped, true);
  await processes[0]?.end();
  await closed;
  clock.advance(100_000);
  assert.equal(processes.length, 2);
  assert.equal(clock.pending, 0);
});
