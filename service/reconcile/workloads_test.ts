import assert from "node:assert/strict";
import { test } from "node:test";
import { documentSchemas } from "../../core/config/schema.ts";
import { fingerprintOf } from "../orchestrator/workload.ts";
import { metricOf } from "../testing/documents.ts";
import { readTemplates } from "../workloads/templates.ts";
import { formerWorkload, wishSettingsDefault, type WorkloadInputs, workloadOf } from "./workloads.ts";

const templates = readTemplates([{
  path: "t.yaml",
  text:
    "clusterTypes:\n  k8s: { image: 'hub.test/team/collector:1', network: { dnsPolicy: Default }, env: { A: '1' } }\n"
    + "  mesos: { image: 'mesos:1' }\n",
}]);

function collector(spec: Record<string, unknown>) {
  const metadata = { clusterId: "c1", namespace: "shop", name: "own" };
  return documentSchemas.Collector.parse({ apiVersion: "bcs-metric/v1", kind: "Collector", metadata, spec });
}

function made(over: Partial<WorkloadInputs> = {}) {
  return workloadOf({
    clusterId: "c1",
    namespace: "shop",
    metrics: [metricOf("cart")],
    collectors: [],
    unreadableCollectors: [],
    replicasKept: 0,
    settings: { ...wishSettingsDefault, image: "default:1", templates },
    ...over,
  });
}

test("documents go over metrics, metrics over templates, and templates over the options", () => {
  const network = { hostNetwork: true };
  const metrics = [metricOf("a"), metricOf("b", { network, collector: { imagePullSecrets: ["s"] } })];
  const plain = made({ metrics });
  assert.equal(plain.image, "hub.test/team/collector:1");
  assert.deepEqual([plain.network.hostNetwork, plain.network.dnsPolicy], [true, "Default"]);
  assert.deepEqual([plain.imagePullSecrets, plain.resources], [["s"], { cpus: 1, memoryMiB: 256 }]);
  const spec = { image: "mine:1", env: { A: "2" }, resources: { cpus: 2, memoryMiB: 512 }, replicas: 3 };
  const own = made({ metrics, collectors: [collector(spec)] });
  assert.deepEqual([own.name, own.image, own.env["A"], own.resources], ["own", "mine:1", "2", spec.resources]);
  assert.deepEqual([made({ collectors: [collector({ clusterType: "mesos" })] }).image], ["mesos:1"]);
});

test("a metric's imageBase takes the place of the image's registry", () => {
  const image = (base: string) => made({ metrics: [metricOf("a", { collector: { imageBase: base } })] }).image;
  assert.equal(image("other.test:5000"), "other.test:5000/team/collector:1");
  assert.equal(image("other.test/"), "other.test/team/collector:1");
});

test("an adopted workload keeps what neither documents nor templates name", () => {
  const settings = { ...wishSettingsDefault, image: "default:1" };
  const { image, resources, labels } = made({ settings, adopted: true });
  assert.deepEqual([image, resources, labels["io.tencent.bcs.metriccfg"]], ["", null, "bcs-collector-shop"]);
});

test("another metric changes no workload", () => {
  const before = made({ createdWith: "cart" });
  const after = made({ createdWith: "cart", metrics: [metricOf("a"), metricOf("cart")] });
  assert.equal(fingerprintOf(after), fingerprintOf(before));
  assert.equal(after.labels["io.tencent.bcs.metric.collector"], "shop_cart");
});

test("what users say does not replace the names by which others find the collectors", () => {
  const env = { MetricClusterID: "mine", MetricCfgName: "mine" };
  const labels = { "io.tencent.bcs.metriccfg": "mine", team: "trade" };
  const own = made({ collectors: [collector({ env, labels })] });
  assert.deepEqual([own.env["MetricClusterID"], own.env["MetricCfgName"]], ["c1", "own"]);
  assert.deepEqual([own.labels["io.tencent.bcs.metriccfg"], own.labels["team"]], ["own", "trade"]);
  const former = formerWorkload(own, "old", 1);
  assert.deepEqual([former.env["MetricApplicationName"], former.labels["io.tencent.bcs.metriccfg"]], ["old", "old"]);
});

test("collectors that were started in another way are another workload", () => {
  const digest = (launch: string) => fingerprintOf(made({ settings: { ...wishSettingsDefault, launch } }));
  assert.notEqual(digest("a"), digest("b"));
});
