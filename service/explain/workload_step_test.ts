import assert from "node:assert/strict";
import { test } from "node:test";
import type { TargetRow } from "../health/target_rows.ts";
import type { WorkloadRow } from "../workloads/workload_rows.ts";
import { collectorStep } from "./steps.ts";

const workload: WorkloadRow = {
  cluster: "c1",
  namespace: "shop",
  name: "one",
  state: "failed",
  image: "a:1",
  replicasWished: 2,
  replicasApplied: 1,
  replicasFound: null,
  driftPolicy: "repair",
  drift: [{ field: "env.A", applied: "1", found: "" }],
  adopted: false,
  problem: "ImagePullBackOff",
  sinceMs: 0,
  attempts: 1,
  nextTryMs: 0,
};

test("where a collector does not run, the step tells how its workload stands", () => {
  const row = { collector: "one-0", appliedGeneration: 0, generation: 1 } as TargetRow;
  const { detail } = collectorStep(row, undefined, workload);
  assert.equal(
    detail,
    "collector one-0 is not running: nobody knows it; workload one is failed: 2 replicas wished, 1 applied, none found; "
      + "image a:1; changed by hand: env.A; ImagePullBackOff",
  );
  assert.doesNotMatch(collectorStep(row, undefined, { ...workload, state: "ok" }).detail, /workload/);
});
