import assert from "node:assert/strict";
import { test } from "node:test";
import { collectorLaunch } from "../../kubernetes/testing/launch.ts";
import { fingerprintOf, plainWorkload, type Workload } from "../workload.ts";
import { collectorSet, objectAt } from "./collector_set.ts";
import { differences } from "./drift.ts";
import { labelValue, setName } from "./kube_names.ts";
import { isObject, type Json, type JsonObject, overlay } from "./overlay.ts";
import { unsafeFields } from "./unsafe.ts";

const options = { launch: { ...collectorLaunch, env: { A: "operator" } }, allowUnsafe: false };

function wish(over: Partial<Workload> = {}): Workload {
  return { clusterId: "c1", namespace: "shop", name: "bcs-collector-shop", replicas: 2, ...plainWorkload, ...over };
}

function at(object: JsonObject, ...path: string[]): JsonObject {
  return path.reduce((inner, name) => objectAt(inner, name), object);
}

function podOf(set: JsonObject): JsonObject {
  return at(set, "spec", "template", "spec");
}

function appliedOf(set: JsonObject): JsonObject {
  const text = at(set, "metadata", "annotations")["bcs-metric/applied"];
  return JSON.parse(typeof text === "string" ? text : "") as JsonObject;
}

function containerOf(set: JsonObject): JsonObject {
  const containers = podOf(set)["containers"] as readonly Json[];
  const [first] = containers;
  return isObject(first) ? first : {};
}

test("a collector runs without privileges, on a root that cannot be written, and is asked how it fares", () => {
  const set = collectorSet(wish(), options, null);
  assert.deepEqual(unsafeFields(podOf(set)), []);
  assert.equal(podOf(set)["automountServiceAccountToken"], false);
  assert.equal(at(podOf(set), "securityContext")["runAsNonRoot"], true);
  const container = containerOf(set);
  assert.deepEqual(container["securityContext"], {
    allowPrivilegeEscalation: false,
    privileged: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  assert.deepEqual(at(container, "readinessProbe", "httpGet"), { path: "/readyz", port: "http" });
  assert.deepEqual(at(container, "livenessProbe", "httpGet"), { path: "/healthz", port: "http" });
  assert.deepEqual(container["volumeMounts"], [
    { name: "data", mountPath: "/data" },
    { name: "tmp", mountPath: "/tmp" },
  ]);
  assert.deepEqual(at(container, "resources"), {
    limits: { cpu: "1000m", memory: "256Mi" },
    requests: { cpu: "100m", memory: "256Mi" },
  });
});

test("a pod learns its ordinal from its own name, and what is written literally stays literal", () => {
  const launch = { ...options.launch, services: ["http://s:1/$(HOME)"] };
  const set = collectorSet(wish({ env: { B: "$x $(A)" } }), { ...options, launch }, null);
  const container = containerOf(set);
  const args = container["args"] as string[];
  assert.deepEqual(args.slice(-2), ["--ordinal-of", "$(POD_NAME)"]);
  assert.ok(args.includes("http://s:1/$$(HOME)"));
  assert.equal(args[args.indexOf("--name") + 1], "bcs-collector-shop");
  assert.deepEqual(container["env"], [
    { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "A", value: "operator" },
    { name: "B", value: "$$x $$(A)" },
  ]);
});

test("names that Kubernetes refuses are made valid, and no two become one", () => {
  assert.equal(setName("bcs-collector-shop"), "bcs-collector-shop");
  const odd = ["Shop", "shop_", "shop.a", "shop-a.", "0shop", "___", "s".repeat(53), `${"s".repeat(53)}t`, "SHOP"];
  const names = odd.map(setName);
  for (const name of names) assert.match(name, /^[a-z]([a-z0-9-]*[a-z0-9])?$/);
  assert.ok(names.every((name) => name.length <= 52));
  assert.equal(new Set([...names, "shop"]).size, odd.length + 1);
  for (const value of ["shop_cart", "", "a".repeat(63)]) assert.equal(labelValue(value), value);
  for (const value of ["shop/cart", "-", "a".repeat(64), "购物车", "x_"]) {
    assert.match(labelValue(value), /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/);
    assert.ok(labelValue(value).length <= 63);
  }
});

test("a label that Kubernetes refuses is whole in an annotation", () => {
  const set = collectorSet(wish({ labels: { "io.tencent.bcs.metric.collector": "shop/cart" } }), options, null);
  assert.match(
    JSON.stringify(at(set, "metadata", "labels")["io.tencent.bcs.metric.collector"]),
    /^"shop-cart-[0-9a-f]{10}"$/,
  );
  for (const metadata of [at(set, "metadata"), at(set, "spec", "template", "metadata")]) {
    assert.equal(at(metadata, "annotations")["io.tencent.bcs.metric.collector"], "shop/cart");
  }
});

test("the wish's network, secrets and resources are the pod's", () => {
  const network = { ...plainWorkload.network, hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" };
  const resources = { cpus: 0.5, memoryMiB: 64 };
  const set = collectorSet(wish({ network, imagePullSecrets: ["pull"], resources, image: "own:2" }), options, null);
  const { hostNetwork, dnsPolicy, imagePullSecrets } = podOf(set);
  assert.deepEqual([hostNetwork, dnsPolicy, imagePullSecrets], [true, "ClusterFirstWithHostNet", [{ name: "pull" }]]);
  assert.equal(containerOf(set)["image"], "own:2");
  assert.equal(at(containerOf(set), "resources", "limits")["cpu"], "500m");
});

test("a template is laid over: lists of named things are merged, everything else is replaced", () => {
  const template = {
    metadata: { labels: { team: "trade" } },
    spec: {
      template: {
        spec: {
          nodeSelector: { zone: "a" },
          containers: [
            { name: "collector", env: [{ name: "T", valueFrom: { secretKeyRef: { name: "s", key: "token" } } }] },
            { name: "side", image: "side:1" },
          ],
          volumes: [{ name: "data", emptyDir: { sizeLimit: "1Gi" } }],
        },
      },
    },
  };
  const set = collectorSet(wish({ template }), options, null);
  const pod = podOf(set);
  assert.deepEqual(pod["nodeSelector"], { zone: "a" });
  assert.deepEqual((pod["containers"] as JsonObject[]).map(({ name }) => name), ["collector", "side"]);
  assert.deepEqual((containerOf(set)["env"] as JsonObject[]).map(({ name }) => name), ["POD_NAME", "A", "T"]);
  assert.deepEqual(pod["volumes"], [{ name: "data", emptyDir: { sizeLimit: "1Gi" } }, { name: "tmp", emptyDir: {} }]);
  assert.equal(at(set, "metadata", "labels")["team"], "trade");
  assert.deepEqual(overlay({ a: 1, b: { c: 1 }, l: [1] }, { a: null, b: { d: 2 }, l: [2] }), {
    b: { c: 1, d: 2 },
    l: [2],
  });
  const env = overlay({ env: [{ name: "A", value: "1" }] }, { env: [{ name: "A", valueFrom: {} }] });
  assert.deepEqual(env, { env: [{ name: "A", valueFrom: {} }] });
});

test("a template that reaches beyond its pod is refused, unless the operator allows it", () => {
  const unsafe: [JsonObject, string][] = [
    [{ hostPID: true }, "hostPID"],
    [{ serviceAccountName: "admin" }, "serviceAccountName"],
    [{ volumes: [{ name: "root", hostPath: { path: "/" } }] }, "volumes.root.hostPath"],
    [{ securityContext: { runAsUser: 0 } }, "securityContext.runAsUser"],
    [
      { containers: [{ name: "collector", securityContext: { privileged: true } }] },
      "containers.collector.securityContext.privileged",
    ],
    [
      { initContainers: [{ name: "i", image: "i", securityContext: { capabilities: { add: ["NET_ADMIN"] } } }] },
      "initContainers.i.securityContext.capabilities.add",
    ],
  ];
  for (const [pod, field] of unsafe) {
    const bad = wish({ template: { spec: { template: { spec: pod } } } });
    const message = `Cannot apply workload "bcs-collector-shop": its template asks for ${field}; `
      + "--kubernetes-unsafe-templates allows it";
    assert.throws(() => collectorSet(bad, options, null), { name: "OrchestratorError", kind: "invalid", message });
    collectorSet(bad, { ...options, allowUnsafe: true }, null);
  }
});

test("without an image anywhere nothing is applied", () => {
  const launch = { ...options.launch, image: "" };
  assert.throws(() => collectorSet(wish(), { ...options, launch }, null), {
    kind: "invalid",
    message: /--collector-image/,
  });
});

test("one from outside keeps its container, and gets what a collector needs as variables", () => {
  const live = {
    metadata: { name: "x", labels: {} },
    spec: {
      selector: { matchLabels: { app: "theirs" } },
      serviceName: "theirs",
      template: { spec: { containers: [{ name: "main", image: "theirs:1", args: ["collector"] }] } },
    },
  };
  const set = collectorSet(wish({ env: { A: "1" } }), options, live);
  const container = containerOf(set);
  assert.deepEqual(Object.keys(container), ["name", "env"]);
  assert.equal(container["name"], "main");
  const env = Object.fromEntries((container["env"] as JsonObject[]).map(({ name, value }) => [name, value]));
  assert.deepEqual([env["A"], env["BCS_METRIC_CLUSTER"], env["BCS_METRIC_NAME"]], ["1", "c1", "bcs-collector-shop"]);
  assert.equal(env["BCS_METRIC_ORDINAL_OF"], "$(POD_NAME)");
  assert.deepEqual(at(set, "spec", "selector"), live.spec.selector);
  assert.equal(at(set, "spec")["serviceName"], "theirs");
  const again = collectorSet(wish({ env: { A: "2" } }), options, { ...live, metadata: at(set, "metadata") });
  assert.deepEqual(Object.keys(containerOf(again)), ["name", "env"]);
});

test("the wish and what it was applied as are kept with the set; replicas count apart", () => {
  const workload = wish();
  const kept = (set: JsonObject) => at(set, "metadata", "annotations");
  const [two, three] = [
    collectorSet(workload, options, null),
    collectorSet({ ...workload, replicas: 3 }, options, null),
  ];
  assert.equal(kept(two)["bcs-metric/fingerprint"], fingerprintOf(workload));
  assert.equal(kept(two)["bcs-metric/applied"], kept(three)["bcs-metric/applied"]);
  assert.deepEqual([kept(two)["bcs-metric/replicas-applied"], kept(three)["bcs-metric/replicas-applied"]], ["2", "3"]);
});

test("drift is what was applied and is found otherwise, by the names that people use", () => {
  const applied = appliedOf(collectorSet(wish({ env: { E: "1" } }), options, null));
  assert.deepEqual(differences(applied, applied), []);
  const found = structuredClone(applied) as { metadata: { labels: Record<string, string> }; spec: JsonObject };
  const container = containerOf(found) as Record<string, Json>;
  container["image"] = "other:1";
  container["env"] = (container["env"] as JsonObject[]).filter(({ name }) => name !== "E");
  container["extra"] = "theirs";
  // Quantities are the same in whatever unit.
  container["resources"] = { limits: { cpu: "1", memory: "256Mi" }, requests: { cpu: "0.1", memory: "262144Ki" } };
  found.metadata.labels["bcs-metric/collector"] = "x";
  found.metadata.labels["more"] = "x";
  assert.deepEqual(differences(applied, found), [
    { field: "labels.bcs-metric/collector", applied: "bcs-collector-shop", found: "x" },
    { field: "image", applied: "example.test/bcs-metric:1", found: "other:1" },
    { field: "env.E", applied: "1", found: "" },
  ]);
});
