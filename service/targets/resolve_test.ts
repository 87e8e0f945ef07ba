import assert from "node:assert/strict";
import { test } from "node:test";
import { type Component, emptySnapshot, type Snapshot } from "../discovery/discovery.ts";
import { metricOf, podOf } from "../testing/documents.ts";
import { resolveTargets } from "./resolve.ts";
import { Sources } from "./sources.ts";

/** Addresses of the targets, then `pod: reason` of what is unresolved. */
function check(spec: Record<string, unknown>, snapshot: Partial<Snapshot>, want: readonly string[]): void {
  const sources = new Sources([{ ...emptySnapshot, ...snapshot }]);
  const { targets, unresolved } = resolveTargets(metricOf("m", spec), sources);
  const got = [
    ...targets.map((target) => target.address),
    ...unresolved.map(({ pod, reason }) => `${pod}: ${reason}`),
  ];
  assert.deepEqual(got, want);
}

test("every pair of the selector must equal a label of the pod", () => {
  const pods = [
    podOf("a", { ip: "10.0.0.1", labels: { app: "shop", tier: "web" } }),
    podOf("b", { ip: "10.0.0.2", labels: { app: "shop" } }),
    podOf("c", { ip: "10.0.0.3", labels: { app: "other", tier: "web" } }),
  ];
  check({ selector: { app: "shop", tier: "web" } }, { pods }, ["10.0.0.1:9100"]);
  check({ selector: { app: "shop" } }, { pods }, ["10.0.0.1:9100", "10.0.0.2:9100"]);
});

test("an empty selector matches every pod of the namespace, and none of another", () => {
  const pods = [
    podOf("a"),
    podOf("b", { ip: "10.0.0.2", namespace: "bank" }),
    podOf("c", { ip: "10.0.0.3", clusterId: "c2" }),
  ];
  check({}, { pods }, ["10.0.0.1:9100"]);
});

test("a selector pair is not satisfied by what every object has", () => {
  check({ selector: { toString: "x" } }, { pods: [podOf("a")] }, []);
});

test("a pod that is not running is not scraped, and the reason says so", () => {
  check({}, { pods: [podOf("a", { phase: "Pending" })] }, [`a: pod is in phase "Pending", not Running`]);
});

test("a Kubernetes pod without an address of its own is reached by its host's", () => {
  check({}, { pods: [podOf("a", { ip: "" })] }, ["192.168.0.1:9100"]);
  check({}, { pods: [podOf("a", { ip: "", hostIp: "" })] }, ["a: pod has no address yet"]);
});

test("an IPv6 address stands in brackets", () => {
  check({}, { pods: [podOf("a", { ip: "fd00::1" })] }, ["[fd00::1]:9100"]);
});

test("a named port is looked up in the pod, and a missing one is explained", () => {
  const web = podOf("a", { ports: [{ name: "http", port: 80, hostPort: 0 }, { name: "web", port: 81, hostPort: 0 }] });
  const http = podOf("b", { ip: "10.0.0.2", ports: [{ name: "http", port: 80, hostPort: 0 }] });
  check({ port: "web" }, { pods: [web, http] }, ["10.0.0.1:81", "b: pod has ports http, the metric asks for web"]);
  check({ port: "web" }, { pods: [podOf("c")] }, ["c: pod has no ports, the metric asks for web"]);
});

test("a Mesos taskgroup in network BRIDGE is reached by the published host port", () => {
  const ports = [
    { name: "web", port: 9100, hostPort: 0 },
    { name: "alt", port: 9100, hostPort: 31002 },
  ];
  const bridge = { clusterType: "mesos", network: { networkMode: "bridge" } };
  check(bridge, { pods: [podOf("a", { ports })] }, ["192.168.0.1:31002"]);
  check({ ...bridge, port: "alt" }, { pods: [podOf("a", { ports })] }, ["192.168.0.1:31002"]);
  check({ ...bridge, port: 9200 }, { pods: [podOf("a", { ports })] }, [
    "a: pod is in network BRIDGE and no host port leads to 9200",
  ]);
  check({ ...bridge, port: "no" }, { pods: [podOf("a", { ports })] }, [
    "a: pod has ports web, alt, the metric asks for no",
  ]);
});

test("a Mesos taskgroup in network HOST is reached by its host, in any other by its own address", () => {
  check({ clusterType: "mesos", network: { networkMode: "HOST" } }, { pods: [podOf("a")] }, ["192.168.0.1:9100"]);
  check({ clusterType: "mesos", network: { networkMode: "USER" } }, { pods: [podOf("a")] }, ["10.0.0.1:9100"]);
  check({ clusterType: "mesos" }, { pods: [podOf("a")] }, ["10.0.0.1:9100"]);
});

test("the network mode that the source tells goes before the metric's", () => {
  const spec = { clusterType: "mesos", network: { networkMode: "USER" } };
  check(spec, { pods: [podOf("a", { networkMode: "HOST" })] }, ["192.168.0.1:9100"]);
});

test("pods that share an address are scraped once", () => {
  check({}, { pods: [podOf("a"), podOf("b")] }, [
    "10.0.0.1:9100",
    "b: 10.0.0.1:9100 is already scraped for pod a",
  ]);
});

const component: Component = {
  clusterId: "c1",
  id: "exporter-1",
  module: "exporter",
  ip: "127.0.0.1",
  metricPort: 7072,
  scheme: "https",
};

test("components are those of the metric's cluster and of every cluster, at their own port", () => {
  const components = [
    component,
    { ...component, id: "service-1", clusterId: "", metricPort: 7070, module: "service" },
    { ...component, id: "other", clusterId: "c2", metricPort: 7000 },
  ];
  const spec = { clusterType: "bcs-components", port: "unused" };
  check(spec, { components, pods: [podOf("a")] }, ["127.0.0.1:7070", "127.0.0.1:7072"]);
  check({ ...spec, selector: { module: "exporter" } }, { components }, ["127.0.0.1:7072"]);
  const { targets } = resolveTargets(metricOf("m", spec), new Sources([{ ...emptySnapshot, components: [component] }]));
  const labels = { module: "exporter" };
  assert.deepEqual(targets, [{ address: "127.0.0.1:7072", pod: "exporter-1", scheme: "https", labels }]);
});

function task(selector: Record<string, string>, pods: { name: string; ip: string; port: number }[]) {
  return { clusterId: "c1", namespace: "shop", name: "t", selector, pods };
}

test("a task applies when every pair of the metric's selector is in the task's", () => {
  const pods = [{ name: "x", ip: "10.9.0.1", port: 0 }];
  check({ selector: { app: "a" } }, { supplied: [task({ app: "a", more: "b" }, pods)] }, ["10.9.0.1:9100"]);
  check({ selector: { app: "a", tier: "t" } }, { supplied: [task({ app: "a" }, pods)] }, []);
});

test("a metric without a selector is served by no task", () => {
  check({}, { supplied: [task({}, [{ name: "x", ip: "10.9.0.1", port: 0 }])] }, []);
});

test("a task's positive port overrides the metric's, and stands in for a named one", () => {
  const selector = { app: "a" };
  const supplied = [
    task(selector, [{ name: "x", ip: "10.9.0.1", port: 8000 }, { name: "y", ip: "10.9.0.2", port: 0 }]),
  ];
  check({ selector }, { supplied }, ["10.9.0.1:8000", "10.9.0.2:9100"]);
  check({ selector, port: "web" }, { supplied }, [
    "10.9.0.1:8000",
    "y: task t gives no port for 10.9.0.2, and the metric names its port: web",
  ]);
});

test("what a task supplies overrides what was discovered at the same address", () => {
  const selector = { app: "a" };
  const pods = [podOf("discovered", { labels: selector })];
  const supplied = [task(selector, [{ name: "supplied", ip: "10.0.0.1", port: 0 }])];
  const { targets } = resolveTargets(metricOf("m", { selector }), new Sources([{ ...emptySnapshot, pods, supplied }]));
  assert.deepEqual(targets.map((target) => target.pod), ["supplied"]);
});

test("a metric that selects more targets than its limit is not scraped at all", () => {
  const pods = [podOf("a"), podOf("b", { ip: "10.0.0.2" })];
  check({ limits: { targets: 2 } }, { pods }, ["10.0.0.1:9100", "10.0.0.2:9100"]);
  check({ limits: { targets: 1 } }, { pods }, [
    "a: the metric selects 2 targets, its limit is 1",
    "b: the metric selects 2 targets, its limit is 1",
  ]);
});

/** The targets of a metric whose only pod is `a`, relabelled. */
function relabelled(relabelings: readonly Record<string, unknown>[], spec: Record<string, unknown> = {}) {
  const labels = { app: "shop", "app.kubernetes.io/tier": "web" };
  const pods = [podOf("a", { labels, ports: [{ name: "web", port: 9100, hostPort: 0 }] })];
  const metric = metricOf("m", { uri: "/metrics", ...spec, relabelings });
  return resolveTargets(metric, new Sources([{ ...emptySnapshot, pods }]));
}

test("relabelings drop targets, and the reason names the rule", () => {
  const rules = [
    { targetLabel: "x", replacement: "y" },
    { sourceLabels: ["__meta_bcs_pod_label_app"], regex: "cart|pay", action: "keep" },
  ];
  assert.deepEqual(relabelled(rules).unresolved, [{
    pod: "a",
    reason: "dropped by relabelings[1] (keep on __meta_bcs_pod_label_app, regex cart|pay)",
    foundAt: "10.0.0.1:9100",
  }]);
});

test("relabelings give labels, of which those that begin with __ are not kept", () => {
  const rules = [
    { action: "labelmap", regex: "__meta_kubernetes_pod_label_(.+)" },
    { sourceLabels: ["__meta_kubernetes_pod_container_port_name"], targetLabel: "port" },
    { sourceLabels: ["namespace", "pod"], separator: "/", targetLabel: "instance" },
    { targetLabel: "__tmp", replacement: "x" },
    { action: "labeldrop", regex: "pod" },
  ];
  assert.deepEqual(relabelled(rules).targets, [{
    address: "10.0.0.1:9100",
    pod: "a",
    labels: { app: "shop", app_kubernetes_io_tier: "web", port: "web", instance: "shop/a", pod: "" },
  }]);
});

test("relabelings change where and how a target is scraped", () => {
  const rules = [
    { sourceLabels: ["__address__"], regex: "(.+):.+", targetLabel: "__address__", replacement: "$1:9200" },
    { targetLabel: "__scheme__", replacement: "https" },
    { targetLabel: "__metrics_path__", replacement: "/probe" },
    { sourceLabels: ["__meta_bcs_pod_ip"], targetLabel: "__param_target" },
  ];
  assert.deepEqual(relabelled(rules, { parameters: { module: "tcp" } }).targets, [{
    address: "10.0.0.1:9200",
    pod: "a",
    scheme: "https",
    uri: "/probe",
    parameters: { module: "tcp", target: "10.0.0.1" },
    foundAt: "10.0.0.1:9100",
    labels: {},
  }]);
});

test("relabelings that change nothing leave the target as it was found", () => {
  assert.deepEqual(relabelled([{ sourceLabels: ["pod"], regex: "a", action: "keep" }]), relabelled([]));
});

test("a target that is left without a usable address, scheme or path is told", () => {
  const reason = (target: string, replacement: string) =>
    relabelled([{ targetLabel: target, replacement }]).unresolved[0]?.reason ?? "";
  assert.match(reason("__address__", "no-port"), /^relabelings leave no address: .*no-port/);
  assert.match(reason("__address__", ""), /^relabelings leave no address/);
  assert.equal(reason("__scheme__", "ftp"), 'relabelings leave the scheme "ftp"');
  assert.equal(reason("__metrics_path__", "x"), "relabelings leave a path that begins with no /");
});

test("of targets that relabelings bring to one address, one is scraped", () => {
  const pods = [podOf("a"), podOf("b", { ip: "10.0.0.2" })];
  check({ relabelings: [{ targetLabel: "__address__", replacement: "10.9.9.9:1" }] }, { pods }, [
    "10.9.9.9:1",
    "b: 10.9.9.9:1 is already scraped for pod a",
  ]);
});

test("of targets that relabelings bring to one address, each is scraped that asks for something else", () => {
  const pods = [podOf("a"), podOf("b", { ip: "10.0.0.2" }), podOf("c", { ip: "10.0.0.1" })];
  const relabelings = [
    { sourceLabels: ["__address__"], targetLabel: "__param_target" },
    { targetLabel: "__address__", replacement: "10.9.9.9:1" },
  ];
  check({ relabelings }, { pods }, [
    "10.9.9.9:1",
    "10.9.9.9:1",
    "c: 10.9.9.9:1?target=10.0.0.1%3A9100 is already scraped for pod a",
  ]);
});

test("a limit of targets counts what relabelings leave", () => {
  const pods = [podOf("a"), podOf("b", { ip: "10.0.0.2" })];
  const relabelings = [{ sourceLabels: ["pod"], regex: "a", action: "keep" }];
  check({ limits: { targets: 1 }, relabelings }, { pods }, [
    "10.0.0.1:9100",
    "b: dropped by relabelings[0] (keep on pod, regex a)",
  ]);
});

test("components and what tasks supply have labels of their own for relabelings", () => {
  const keep = (source: string) => ({ relabelings: [{ sourceLabels: [source], regex: ".+", action: "keep" }] });
  const components = [component];
  check({ clusterType: "bcs-components", ...keep("__meta_bcs_component_module") }, { components }, ["127.0.0.1:7072"]);
  const supplied = [task({ app: "a" }, [{ name: "x", ip: "10.9.0.1", port: 0 }])];
  check({ selector: { app: "a" }, ...keep("__meta_bcs_task_name") }, { supplied }, ["10.9.0.1:9100"]);
});

test("pods that are not ready are scraped, unless a relabeling leaves them out", () => {
  const pods = [
    podOf("a", { ready: true, node: "n1", annotations: { "prometheus.io/scrape": "true" } }),
    podOf("b", { ip: "10.0.0.2", ready: false }),
  ];
  const keep = (sourceLabel: string) => ({
    relabelings: [{ sourceLabels: [sourceLabel], regex: "true", action: "keep" }],
  });
  const dropped = (label: string) => `b: dropped by relabelings[0] (keep on ${label}, regex true)`;
  check({}, { pods }, ["10.0.0.1:9100", "10.0.0.2:9100"]);
  for (const label of ["__meta_kubernetes_pod_ready", "__meta_kubernetes_pod_annotation_prometheus_io_scrape"]) {
    check(keep(label), { pods }, ["10.0.0.1:9100", dropped(label)]);
  }
});
