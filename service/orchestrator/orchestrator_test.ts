import assert from "node:assert/strict";
import { test } from "node:test";
import { listClusters, OrchestratorError, PartialListError } from "./orchestrator.ts";
import { asApplied, plainWorkload, type WorkloadStatus } from "./workload.ts";

function statusIn(clusterId: string): WorkloadStatus {
  const key = { clusterId, namespace: "shop", name: "one" };
  return { ...asApplied({ ...plainWorkload, ...key, replicas: 1 }), instances: [] };
}

const answers = (clusterId: string) => ({ list: () => Promise.resolve([statusIn(clusterId)]) });
const away = (reason: string) => ({ list: () => Promise.reject(new OrchestratorError(reason, "forbidden")) });

test("clusters are listed together", async () => {
  const found = await listClusters(new Map([["a", answers("a")], ["b", answers("b")]]));
  assert.deepEqual(found.map(({ clusterId }) => clusterId), ["a", "b"]);
});

test("a cluster that cannot be listed is named, with what the others have", async () => {
  const error = await listClusters(new Map([["a", away("no")], ["b", answers("b")]])).catch((one: unknown) => one);
  assert.ok(error instanceof PartialListError);
  assert.deepEqual([error.message, error.kind], ["no", "forbidden"]);
  assert.deepEqual([error.found.map(({ clusterId }) => clusterId), [...error.missing.keys()]], [["b"], ["a"]]);
});

test("where none can be listed the first one's reason counts, with its kind", async () => {
  const listing = listClusters(new Map([["a", away("no")], ["b", away("neither")]]));
  await assert.rejects(listing, { name: "OrchestratorError", message: "no", kind: "forbidden" });
});
