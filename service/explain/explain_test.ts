import assert from "node:assert/strict";
import { test } from "node:test";
import type { MetricDocument } from "../../core/config/schema.ts";
import { emptySnapshot, type Pod, type Snapshot } from "../discovery/discovery.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import type { TargetRow } from "../health/target_rows.ts";
import { Sources } from "../targets/sources.ts";
import { metricOf, podOf } from "../testing/documents.ts";
import { recordOf } from "../testing/fake_registry.ts";
import type { DeliveryView } from "./delivery.ts";
import { explain } from "./explain.ts";
import { type ExplainView, nearMissesMax } from "./explanation.ts";

const nowMs = 1_700_000_000_000;
const cart = metricOf("cart", { selector: { app: "shop" }, port: "web" });
const pod = podOf("cart-0", { labels: { app: "shop" }, ports: [{ name: "web", port: 9100, hostPort: 0 }] });
const address = "10.0.0.1:9100";

const row: TargetRow = {
  cluster: "c1",
  namespace: "shop",
  metric: "cart",
  address,
  pod: "cart-0",
  collector: "one-0",
  movesTo: null,
  health: "up",
  error: "",
  lastScrapeMs: nowMs - 12_000,
  durationMs: 4.6,
  samples: 120,
  lastRecord: null,
  generation: 3,
  appliedGeneration: 3,
};

const collector: CollectorRow = {
  cluster: "c1",
  namespace: "shop",
  name: "one-0",
  labels: {},
  state: "running",
  alive: true,
  leaseMs: 15_000,
  renewedAtMs: 1000,
  pid: 42,
  restarts: 0,
  lastEnd: "",
  targets: 1,
  appliedGeneration: 3,
  metricsAddress: "127.0.0.1:7073",
  load: { unacknowledgedRecords: 0 },
};

interface Parts extends Partial<Omit<ExplainView, "sources">> {
  readonly snapshot?: Partial<Snapshot>;
}

/** A service that scrapes `cart-0` for `cart`, all being well, with `parts` instead. */
function viewOf({ snapshot = { pods: [pod] }, ...parts }: Parts = {}): ExplainView {
  return {
    metrics: [cart],
    files: [{ path: "c1/metric/shop/cart.yaml", state: "ok", problems: [], effectiveVersion: "1" }],
    sources: new Sources([{ ...emptySnapshot, ...snapshot }]),
    targets: [row],
    collectors: [collector],
    exporters: [recordOf("exporter", "e", { load: { lagBytes: 7 } })],
    nowMs,
    ...parts,
  };
}

/** A service whose only pod is like `cart-0`, with `over` instead, and which has not planned anything for it. */
function viewOfPod(over: Partial<Pod>, metric: MetricDocument = cart): ExplainView {
  return viewOf({ snapshot: { pods: [{ ...pod, ...over }] }, targets: [], metrics: [metric] });
}

/** The last step of the only chain, as text, with the step's name. */
function brokenStep(view: ExplainView, query = {}): string {
  const { chains } = explain({ pod: "cart-0", ...query }, view);
  assert.equal(chains.length, 1);
  const last = chains[0]?.steps.at(-1);
  return `${last?.step} ${String(last?.ok)}: ${last?.detail}`;
}

test("of targets that share an address each has its own chain, and its endpoint names it alone", () => {
  const relabelings = [{ sourceLabels: ["pod"], targetLabel: "__param_target" }, {
    targetLabel: "__address__",
    replacement: "10.9.9.9:9115",
  }];
  const metric = metricOf("cart", { selector: { app: "shop" }, port: "web", relabelings });
  const pods = [pod, { ...pod, name: "cart-1", ip: "10.0.0.2" }];
  const endpoint = (name: string) => `10.9.9.9:9115?target=${name}`;
  const targets = pods.map(({ name }) => ({ ...row, pod: name, address: "10.9.9.9:9115", endpoint: endpoint(name) }));
  const view = viewOf({ snapshot: { pods }, metrics: [metric], targets });
  const verdicts = (target: string) => explain({ target }, view).chains.map(({ verdict }) => verdict.split(" is ")[0]);
  const all = ["cart-0", "cart-1"].map((name) => `pod ${name} at ${endpoint(name)}`);
  assert.deepEqual(verdicts("10.9.9.9:9115"), all);
  assert.deepEqual(verdicts(endpoint("cart-1")), all.slice(1));
});

test("of a cluster that has not been read it is not told what is missing", () => {
  const unread = [{ source: "kubernetes c1", cluster: "c1" }];
  const view = { ...viewOf({ targets: [] }), sources: new Sources([emptySnapshot], unread) };
  const reason = "cluster c1 has not been read yet (source kubernetes c1)";
  const empty = explain({ metric: "cart" }, view);
  assert.equal(empty.ok, null);
  assert.equal(empty.verdict, `what metric c1/shop/cart selects is not known: ${reason}.`);
  assert.equal(empty.chains[0]?.steps.at(-1)?.detail, reason);
  const unknown = explain({ pod: "cart-0" }, view);
  assert.equal(unknown.ok, null);
  assert.equal(unknown.verdict, `no source knows a pod cart-0. But ${reason}: its namespaces stay as they are.`);
  const assigned = explain({ pod: "cart-0" }, { ...view, targets: [row] });
  assert.equal(assigned.ok, true);
  assert.match(assigned.verdict, /^pod cart-0 at .* is scraped .*\. But cluster c1 has not been read yet/);
});

test("what is scraped and delivered has every step, whichever way it is asked for", () => {
  const answers = [{ pod: "cart-0" }, { target: address }, { metric: "cart" }].map((query) => explain(query, viewOf()));
  for (const { ok, chains } of answers) {
    assert.equal(ok, true);
    assert.deepEqual(chains[0]?.steps.map((step) => step.step), [
      "definition",
      "selector",
      "discovery",
      "address",
      "assignment",
      "collector",
      "last scrape",
      "delivery",
    ]);
  }
  assert.equal(
    answers[0]?.verdict,
    "pod cart-0 at 10.0.0.1:9100 is scraped for metric c1/shop/cart: 120 samples in 5 ms, 12 s ago.",
  );
  assert.equal(answers[2]?.verdict, "metric c1/shop/cart selects 1 instance, 1 of them up.");
});

test("a label with another value is the nearest miss, for the pod and for the metric", () => {
  const view = viewOfPod({ labels: { app: "shop-v2" } });
  const ofPod = explain({ pod: "cart-0" }, view);
  const reason = "label app is shop-v2, the metric asks for shop";
  assert.equal(ofPod.ok, false);
  assert.equal(ofPod.verdict, `no metric selects pod cart-0; the nearest is cart: ${reason}.`);
  const miss = { cluster: "c1", namespace: "shop", metric: "cart", pod: "cart-0", reason };
  assert.deepEqual(ofPod.nearMisses, [miss]);
  const ofMetric = explain({ metric: "cart" }, view);
  assert.deepEqual(ofMetric.nearMisses, [miss]);
  assert.equal(
    ofMetric.verdict,
    `metric c1/shop/cart has nothing to scrape: no instance has app=shop; the nearest is cart-0: ${reason}.`,
  );
  assert.deepEqual(ofMetric.chains[0]?.steps.map(({ step, ok }) => [step, ok]), [
    ["definition", true],
    ["selector", false],
  ]);
});

test("a label that is missing is told, with one that is called almost like it", () => {
  const metric = metricOf("cart", { selector: { app: "shop", tier: "front" }, port: 9100 });
  const ofPod = (labels: Record<string, string>) =>
    explain({ pod: "cart-0" }, viewOfPod({ labels }, metric)).nearMisses.map((miss) => miss.reason);
  assert.deepEqual(ofPod({ app: "shop" }), ["label tier is missing, the metric asks for tier=front"]);
  assert.deepEqual(ofPod({ app: "shop", teir: "front" }), [
    "label tier is missing, the metric asks for tier=front; it has a label teir",
  ]);
  assert.deepEqual(ofPod({ app: "bank", tier: "back" }), [], "with nothing in common it is not near");
});

test("the nearest misses come first, and their number is bounded", () => {
  const pods = Array.from(
    { length: 30 },
    (_, index) => podOf(`other-${index}`, { labels: { app: `unlike-${index}` } }),
  );
  const near = podOf("near", { labels: { app: "shpo" } });
  const answer = explain({ metric: "cart" }, viewOf({ snapshot: { pods: [...pods, near] }, targets: [] }));
  assert.equal(answer.nearMisses[0]?.pod, "near");
  assert.deepEqual([answer.nearMisses.length, answer.nearMissesOmitted], [nearMissesMax, 31 - nearMissesMax]);
});

test("a pod that the metric would select in another namespace is a near miss", () => {
  const view = viewOf({ snapshot: { pods: [{ ...pod, namespace: "bank" }] }, targets: [] });
  const answer = explain({ metric: "cart" }, view);
  assert.deepEqual(answer.nearMisses.map(({ reason }) => reason), [
    "pod is in namespace bank, the metric in shop",
  ]);
});

test("a port name that the pod does not have is told with those that it has", () => {
  const ports = [{ name: "http", port: 80, hostPort: 0 }];
  assert.equal(brokenStep(viewOfPod({ ports })), "address false: pod has ports http, the metric asks for web");
});

test("a pod that is not Running, or has no address, is told as such", () => {
  assert.equal(
    brokenStep(viewOfPod({ phase: "Pending" })),
    'discovery false: pod cart-0 is in phase "Pending", not Running',
  );
  assert.equal(brokenStep(viewOfPod({ ip: "", hostIp: "" })), "address false: pod has no address yet");
});

test("a target that relabelings drop is told with the rule, after its address", () => {
  const rule = { sourceLabels: ["__meta_bcs_pod_name"], regex: "pay-.*", action: "keep" };
  const view = viewOfPod({}, {
    ...cart,
    spec: { ...cart.spec, relabelings: metricOf("cart", { relabelings: [rule] }).spec.relabelings },
  });
  const [chain] = explain({ pod: "cart-0" }, view).chains;
  assert.deepEqual(chain?.steps.slice(-2).map(({ step, ok, detail }) => [step, ok, detail]), [
    ["address", true, address],
    ["relabelling", false, "dropped by relabelings[0] (keep on __meta_bcs_pod_name, regex pay-.*)"],
  ]);
});

test("what relabelings change of a target is told, and its chain goes on at the new address", () => {
  const rules = [
    { targetLabel: "__address__", replacement: "10.0.0.9:1" },
    { targetLabel: "zone", replacement: "a" },
    { action: "labeldrop", regex: "pod" },
  ];
  const metric = {
    ...cart,
    spec: { ...cart.spec, relabelings: metricOf("cart", { relabelings: rules }).spec.relabelings },
  };
  const view = viewOf({ metrics: [metric], targets: [{ ...row, address: "10.0.0.9:1" }] });
  const [chain] = explain({ pod: "cart-0" }, view).chains;
  assert.equal(chain?.ok, true, chain?.verdict);
  assert.equal(chain?.address, "10.0.0.9:1");
  const step = chain?.steps.find((one) => one.step === "relabelling");
  assert.equal(step?.detail, 'it is kept, with the address 10.0.0.9:1, zone="a", no pod');
});

test("more targets than the limit are told", () => {
  const metric = metricOf("cart", { selector: { app: "shop" }, port: "web", limits: { targets: 1 } });
  const pods = [pod, { ...pod, name: "cart-1", ip: "10.0.0.2" }];
  const view = viewOf({ snapshot: { pods }, targets: [], metrics: [metric] });
  assert.equal(brokenStep(view), "address false: the metric selects 2 targets, its limit is 1");
});

test("a file that is refused is told with its place, and what is in force goes on", () => {
  const path = "c1/metric/shop/cart.yaml";
  const problem = { path, line: 9, column: 3, message: "spec changed but version is still 1" };
  const files = [{ path, state: "stale-version", problems: [problem], effectiveVersion: "1" } as const];
  const stale = explain({ pod: "cart-0" }, viewOf({ files }));
  assert.equal(stale.ok, true);
  assert.deepEqual(stale.chains[0]?.steps[0]?.problems, [problem]);
  assert.match(stale.verdict, /but version "1" stays in force; the file .* is refused: .*cart\.yaml:9:3: spec changed/);
  const never = explain({ metric: "cart" }, viewOf({ files, metrics: [], targets: [] }));
  assert.equal(never.ok, false);
  assert.match(never.verdict, /^metric c1\/shop\/cart is not in force: the file is refused: .*cart\.yaml:9:3: /);
  const kept = explain({ metric: "cart" }, viewOf({ files, metrics: [] }));
  assert.equal(kept.ok, true);
  assert.match(kept.chains[0]?.steps[0]?.detail ?? "", /^what was assigned stays; the file is refused: /);
});

test("a move that is planned is told with its moment", () => {
  const moving = { ...row, movesTo: { collector: "one-1", atMs: nowMs + 8000 } };
  const [chain] = explain({ metric: "cart" }, viewOf({ targets: [moving] })).chains;
  const step = chain?.steps.find((one) => one.step === "assignment");
  const at = new Date(nowMs + 8000).toISOString();
  assert.equal(step?.detail, `one-0 has it, in generation 3; one-1 takes it over at ${at}`);
  assert.equal(chain?.ok, true);
});

test("what no collector has, or what waits for one, is told", () => {
  assert.equal(brokenStep(viewOf({ targets: [] })), "assignment null: it has not been given to a collector yet");
  const error = "the namespace's collector workload has 0 replicas";
  assert.equal(
    brokenStep(viewOf({ targets: [{ ...row, collector: "", health: "unknown", error }] })),
    `assignment false: ${error}`,
  );
});

test("a collector that is not there, or behind, is told", () => {
  assert.equal(
    brokenStep(
      viewOf({ collectors: [{ ...collector, alive: false, state: "waiting", restarts: 3, lastEnd: "exit 1" }] }),
    ),
    "collector false: collector one-0 is not running: state waiting, 3 restarts, its last run ended: exit 1",
  );
  assert.equal(
    brokenStep(viewOf({ collectors: [] })),
    "collector false: collector one-0 is not running: nobody knows it",
  );
  assert.equal(
    brokenStep(viewOf({ targets: [{ ...row, appliedGeneration: 2 }] })),
    "collector false: collector one-0 has applied generation 2, the target needs generation 3",
  );
});

test("the last scrape's error is the verdict, and none yet is not known", () => {
  const down = viewOf({ targets: [{ ...row, health: "down", error: "connection refused" }] });
  assert.equal(brokenStep(down), "last scrape false: connection refused (12 s ago)");
  assert.equal(
    explain({ target: address }, down).verdict,
    "pod cart-0 at 10.0.0.1:9100 is down for metric c1/shop/cart: connection refused (12 s ago).",
  );
  const fresh = { ...row, health: "unknown", lastScrapeMs: 0, error: "its collector has not told of it yet" } as const;
  assert.equal(brokenStep(viewOf({ targets: [fresh] })), "last scrape null: its collector has not told of it yet");
});

test("delivery tells what is held, and admits what it does not know", () => {
  const holding = [{ ...collector, load: { unacknowledgedRecords: 40 } }];
  assert.equal(
    brokenStep(viewOf({ collectors: holding })),
    "delivery null: 40 records of the collector wait for an acknowledgement; "
      + "1 exporter in the registry, the slowest sink 7 bytes behind",
  );
  assert.match(brokenStep(viewOf({ collectors: holding, exporters: [] })), /^delivery false: .*; no exporter is/);
  assert.match(
    brokenStep(viewOf({ collectors: [{ ...collector, load: {} }] })),
    /^delivery null: the collector does not/,
  );
});

test("delivery tells where the last scrape is, as the exporters know it", () => {
  const lastRecord = { epoch: "7", sequence: 40 };
  const origin = { cluster: "c1", namespace: "shop", name: "one-0", epoch: "7", acknowledged: 40 };
  const done = { name: "file", settled: 40, lost: [] };
  const asked = (...origins: (Partial<typeof origin> & { sinks: readonly object[] })[]) => {
    const exporters = origins.map((one, index) => ({ exporter: `e${index}`, origins: [{ ...origin, ...one }] }));
    const delivery = { exporters, unreachable: [] } as unknown as DeliveryView;
    const answer = explain({ pod: "cart-0" }, viewOf({ targets: [{ ...row, lastRecord }], delivery }));
    const step = answer.chains[0]?.steps.at(-1);
    return `${step?.step} ${step?.ok}: ${step?.detail}`;
  };
  const record = "its last scrape, record 40 of one-0,";
  assert.equal(asked({ sinks: [done] }), `delivery true: ${record} is in the log of e0: sink file is done with it`);
  assert.equal(
    asked({ sinks: [done, { name: "tsdb", settled: 39, lost: [] }] }),
    `delivery null: ${record} is in the log of e0: sink file is done with it, held for sink tsdb`,
  );
  const lost = [{ firstSequence: 30, lastSequence: 45, reason: "retention" }];
  assert.match(asked({ sinks: [{ name: "tsdb", settled: 50, lost }] }), /^delivery false: .*lost for sink tsdb \(ret/);
  assert.match(asked({ sinks: [{ name: "tsdb", settled: null, lost: [] }] }), /^delivery null: .*not known of sink/);
  assert.match(asked({ acknowledged: 39, sinks: [done] }), /^delivery null: .* waits at the collector/);
  assert.match(asked({ acknowledged: 90, sinks: [done] }, { sinks: [done] }), / in the log of e1: /);
  assert.match(asked({ epoch: "6", sinks: [done] }), /^delivery true: an exporter has acknowledged everything/);
});

test("an exporter that cannot be asked is named", () => {
  const delivery = { exporters: [], unreachable: [{ exporter: "e9", reason: "refused" }] };
  const answer = explain({ pod: "cart-0" }, viewOf({ delivery }));
  assert.match(answer.chains[0]?.steps.at(-1)?.detail ?? "", /e9 cannot be asked \(refused\)/);
});

test("an address with another port leads to the one that the metric asks for", () => {
  assert.equal(
    brokenStep(viewOf(), { pod: undefined, target: "10.0.0.1:8080" }),
    "address false: its target is 10.0.0.1:9100, not 10.0.0.1:8080",
  );
  assert.equal(explain({ target: "10.9.9.9:1" }, viewOf()).verdict, "no source knows an instance at 10.9.9.9:1.");
  const unlike = explain({ target: address }, viewOfPod({ labels: { app: "shopp" } }));
  assert.equal(
    unlike.verdict,
    "pod cart-0 is at 10.0.0.1:9100, but no metric selects pod cart-0; "
      + "the nearest is cart: label app is shopp, the metric asks for shop.",
  );
});

test("names that nobody knows are told, with those that are almost so", () => {
  assert.equal(explain({ pod: "crat-0" }, viewOf()).verdict, "no source knows a pod crat-0; did you mean cart-0?");
  assert.equal(explain({ metric: "crat" }, viewOf()).verdict, "no metric is called crat; did you mean cart?");
  assert.equal(explain({ pod: "x", namespace: "bank" }, viewOf()).verdict, "no source knows a pod x.");
  assert.equal(
    explain({ pod: "cart-0" }, viewOf({ metrics: [], files: [], targets: [] })).verdict,
    "pod cart-0 is in c1/shop, which has no metric.",
  );
});

test("of many instances the broken ones come first, and the rest is counted", () => {
  const pods = Array.from({ length: 50 }, (_, index) => ({ ...pod, name: `p-${index}`, ip: `10.0.0.${index}` }));
  const targets = pods.map(({ name, ip }) => ({ ...row, pod: name, address: `${ip}:9100` }));
  const sick = targets.map((one) => one.pod === "p-40" ? { ...one, health: "down" as const, error: "HTTP 500" } : one);
  const answer = explain({ metric: "cart" }, viewOf({ snapshot: { pods }, targets: sick }));
  assert.equal(answer.chains[0]?.pod, "p-40");
  assert.deepEqual([answer.chains.length, answer.chainsOmitted], [20, 30]);
  assert.match(answer.verdict, /^metric c1\/shop\/cart selects 50 instances, 49 of them up\. pod p-40 at .* is down/);
});

test("components and what tasks supply are explained too", () => {
  const components = [{
    clusterId: "",
    id: "e",
    module: "exporter",
    ip: "10.0.0.5",
    metricPort: 7072,
    scheme: "http",
  }] as const;
  const metric = metricOf("own", { clusterType: "bcs-components", selector: { module: "exporter" } });
  const own = { ...row, metric: "own", pod: "e", address: "10.0.0.5:7072" };
  const ofComponent = explain({ pod: "e" }, viewOf({ snapshot: { components }, metrics: [metric], targets: [own] }));
  assert.match(ofComponent.verdict, /^component e at 10\.0\.0\.5:7072 is scraped for metric c1\/shop\/own/);
  const supplied = [{
    clusterId: "c1",
    namespace: "shop",
    name: "t",
    selector: { app: "shop" },
    pods: [{ name: "", ip: "10.0.0.9", port: 0 }],
  }];
  const view = viewOf({ snapshot: { supplied }, targets: [] });
  assert.equal(
    explain({ target: "10.0.0.9:9100" }, view).verdict,
    "10.0.0.9 of task t is not scraped for metric c1/shop/cart: "
      + "task t gives no port for 10.0.0.9, and the metric names its port: web.",
  );
});
