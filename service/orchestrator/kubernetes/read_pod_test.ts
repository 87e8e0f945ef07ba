import assert from "node:assert/strict";
import { test } from "node:test";
import { kubeObject } from "../../kubernetes/objects.ts";
import { readPod } from "./read_pod.ts";

const owner = { kind: "StatefulSet", name: "bcs-collector-shop", controller: true };

function pod(status: object, metadata: object = {}) {
  return kubeObject.parse({
    metadata: { name: "bcs-collector-shop-3", namespace: "shop", ownerReferences: [owner], ...metadata },
    status,
  });
}

function state(waiting: object | undefined, lastState: object = {}, running?: object): object {
  return { phase: "Pending", containerStatuses: [{ restartCount: 2, state: { waiting, running }, lastState }] };
}

test("the ordinal is in the name, and only pods of a StatefulSet count", () => {
  assert.equal(readPod(pod({}))?.ordinal, 3);
  assert.equal(readPod(pod({}, { ownerReferences: [{ ...owner, kind: "ReplicaSet" }] })), null);
  assert.equal(readPod(pod({}, { name: "bcs-collector-shop-x" })), null);
});

test("what keeps a container from running is the problem, with the kubelet's own words", () => {
  const check = (status: object, want: { state: string; problem?: string; lastEnd?: string }) => {
    const { state: is, problem, lastEnd } = readPod(pod(status)) ?? {};
    assert.deepEqual({ state: is, problem, lastEnd }, { problem: "", lastEnd: "", ...want });
  };
  check({ phase: "Pending" }, { state: "starting" });
  check(state({ reason: "ContainerCreating" }), { state: "starting" });
  check(state({ reason: "ImagePullBackOff", message: 'Back-off pulling "x"' }), {
    state: "starting",
    problem: 'ImagePullBackOff: Back-off pulling "x"',
  });
  check(
    state({ reason: "CrashLoopBackOff", message: "back-off 10s" }, { terminated: { exitCode: 1, reason: "Error" } }),
    {
      state: "waiting",
      problem: "CrashLoopBackOff: back-off 10s",
      lastEnd: "exit code 1",
    },
  );
  check(state(undefined, { terminated: { exitCode: 137, reason: "OOMKilled" } }, {}), {
    state: "running",
    lastEnd: "OOMKilled (exit code 137)",
  });
  const unscheduled = { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3 nodes" };
  check({ phase: "Pending", conditions: [unscheduled] }, { state: "starting", problem: "Unschedulable: 0/3 nodes" });
  check({ phase: "Failed", reason: "Evicted", message: "disk" }, { state: "starting", problem: "Evicted: disk" });
});

test("one that is about to go stops", () => {
  assert.equal(readPod(pod({ phase: "Running" }, { deletionTimestamp: "2026-01-01T00:00:00Z" }))?.state, "stopping");
});
