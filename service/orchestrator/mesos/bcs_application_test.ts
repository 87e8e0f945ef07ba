import assert from "node:assert/strict";
import { test } from "node:test";
import { collectorLaunch } from "../../kubernetes/testing/launch.ts";
import { objectAt } from "../kubernetes/collector_set.ts";
import { isObject, type JsonObject } from "../kubernetes/overlay.ts";
import { plainWorkload, type Workload } from "../workload.ts";
import { bcsApplication, driftOf } from "./bcs_application.ts";

const instanceId = ["$", "{bcs.instanceid}"].join("");

const wish: Workload = {
  ...plainWorkload,
  clusterType: "mesos",
  clusterId: "BCS-MESOS-10001",
  namespace: "shop",
  name: "bcs-collector-shop",
  replicas: 2,
  env: { MetricClusterID: "one" },
  labels: { "io.tencent.bcs.metriccfg": "cart" },
};

function podOf(application: JsonObject): JsonObject {
  return objectAt(objectAt(objectAt(application, "spec"), "template"), "spec");
}

function containersOf(application: JsonObject): readonly JsonObject[] {
  const { containers } = podOf(application);
  return Array.isArray(containers) ? (containers as readonly unknown[]).filter(isObject) : [];
}

function envOf(application: JsonObject): unknown {
  const env = containersOf(application)[0]?.["env"] as unknown as { name: string; value: string }[];
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
}

test("an application is what the documents of BCS describe, with the number of each instance as a variable", () => {
  const application = bcsApplication(
    { ...wish, network: { ...wish.network, networkMode: "USER", networkType: "cni" } },
    collectorLaunch,
    null,
  );
  assert.deepEqual([application["apiVersion"], application["kind"]], ["v1", "application"]);
  assert.deepEqual([podOf(application)["networkMode"], podOf(application)["networktype"]], ["USER", "cni"]);
  const [container] = containersOf(application);
  assert.equal(container?.["image"], collectorLaunch.image);
  assert.deepEqual(container["resources"], {
    limits: { cpu: "1", memory: "256" },
    requests: { cpu: "0.1", memory: "256" },
  });
  assert.deepEqual(envOf(application), {
    BCS_METRIC_ORDINAL_OF: `instance-${instanceId}`,
    MetricClusterID: "one",
  });
  assert.deepEqual(driftOf(application), []);
});

test("on the host's network the port is any that is free, and elsewhere the usual one", () => {
  const argumentsIn = (networkMode: string) => {
    const workload = { ...wish, network: { ...wish.network, networkMode } };
    const [container] = containersOf(bcsApplication(workload, collectorLaunch, null));
    const list = (container?.["args"] ?? []) as unknown as string[];
    return list.join(",");
  };
  assert.match(argumentsIn("host"), /--http,0\.0\.0\.0:0,/);
  assert.match(argumentsIn(""), /--http,0\.0\.0\.0:7073,/);
});

test("a template is laid over the first container, and may bring others", () => {
  const containers = [{ env: [{ name: "A", value: "1" }], privileged: false }, { image: "side:1" }];
  const template = { spec: { template: { spec: { containers } } }, constraint: { intersectionItem: [] } };
  const application = bcsApplication({ ...wish, template }, collectorLaunch, null);
  const [own, side] = containersOf(application);
  assert.deepEqual([own?.["image"], own?.["privileged"], side?.["image"]], [collectorLaunch.image, false, "side:1"]);
  assert.deepEqual(application["constraint"], { intersectionItem: [] });
  assert.equal((envOf(application) as Record<string, string>)["A"], "1");
});

test("what was applied before goes, and what others have added stays", () => {
  const before = bcsApplication({ ...wish, env: { Old: "1", Kept: "1" } }, collectorLaunch, null);
  const [container] = containersOf(before);
  const env = [...(container?.["env"] ?? []) as unknown as JsonObject[], { name: "Theirs", value: "1" }];
  const changed = structuredClone(before) as Record<string, unknown>;
  Object.assign(podOf(changed as JsonObject), { containers: [{ ...container, env, hostname: "theirs" }] });
  assert.deepEqual(driftOf(changed as JsonObject), [], "what others add is no drift");
  const after = bcsApplication({ ...wish, env: { Kept: "2" } }, collectorLaunch, changed as JsonObject);
  const now = envOf(after) as Record<string, string>;
  assert.deepEqual([now["Old"], now["Kept"], now["Theirs"]], [undefined, "2", "1"]);
  assert.equal(containersOf(after)[0]?.["hostname"], "theirs");
});

test("one from outside keeps its image and arguments, also when the wish changes later", () => {
  const theirs = {
    kind: "application",
    metadata: { name: "bcs-collector-shop", namespace: "shop" },
    spec: { instance: 1, template: { spec: { containers: [{ image: "theirs:1", args: ["x"], env: [] }] } } },
  };
  const adopted = bcsApplication(wish, collectorLaunch, theirs);
  const later = bcsApplication({ ...wish, env: { MetricClusterID: "two" } }, collectorLaunch, adopted);
  const [container] = containersOf(later);
  assert.deepEqual([container?.["image"], container?.["args"]], ["theirs:1", ["x"]]);
  const env = envOf(later) as Record<string, string>;
  assert.deepEqual([env["MetricClusterID"], env["BCS_METRIC_NAME"]], ["two", "bcs-collector-shop"]);
});

test("without an image nothing can be made", () => {
  assert.throws(() => bcsApplication(wish, { ...collectorLaunch, image: "" }, null), /no image is named/);
});
