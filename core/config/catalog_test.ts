import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoreEvent } from "../store/store.ts";
import { Catalog, type CatalogChange } from "./catalog.ts";
import { formatProblem } from "./document.ts";
import { documentPath } from "./key.ts";

const cart = "c1/metric/shop/cart.yaml";

function put(path: string, text: string): StoreEvent {
  return { type: "put", entry: { path, text, revision: text } };
}

/** A Metric that belongs at `path`, with `spec` as more lines of its spec. */
function metric(path: string, version = "1", spec = ""): StoreEvent {
  const [clusterId, , namespace, file] = path.split("/");
  return put(
    path,
    `apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: ${clusterId}, namespace: ${namespace}, name: ${file?.replace(".yaml", "")} }
spec:
  version: "${version}"
  port: 9100
  uri: /metrics
${spec}`,
  );
}

function lineOf(change: CatalogChange): string {
  switch (change.type) {
    case "put":
      return `${change.previous === null ? "added" : "changed"} ${documentPath(change.key)}`;
    case "removed":
      return `removed ${documentPath(change.key)}`;
    case "refused":
      return `refused ${change.status.state} ${change.status.problems.map(formatProblem).join(" ")}`;
    case "mended":
      return `mended ${change.path}`;
    default:
      return change satisfies never;
  }
}

function makeCatalog() {
  const catalog = new Catalog({ frequencyMinSeconds: 60 });
  const apply = (event: StoreEvent) => catalog.apply(event).map(lineOf);
  const inForce = () => catalog.documents("Metric").map(({ metadata, spec }) => `${metadata.name} ${spec.uri}`);
  const states = () =>
    catalog.statuses().map(({ path, state, effectiveVersion }) => `${path} ${state} ${effectiveVersion}`);
  return { catalog, apply, inForce, states };
}

test("documents come into force, change and go with their files", () => {
  const { catalog, apply, inForce, states } = makeCatalog();
  assert.deepEqual(apply(metric(cart)), [`added ${cart}`]);
  assert.deepEqual(apply(metric(cart, "2", "  frequency: 90\n")), [`changed ${cart}`]);
  assert.deepEqual(states(), [`${cart} ok 2`]);
  assert.equal(catalog.get({ clusterId: "c1", kind: "Metric", namespace: "shop", name: "cart" })?.spec.frequency, 90);
  assert.deepEqual(apply({ type: "delete", path: cart }), [`removed ${cart}`]);
  assert.deepEqual(inForce(), []);
  assert.deepEqual(states(), []);
  assert.deepEqual(apply({ type: "delete", path: cart }), []);
});

test("an invalid file never takes effect, and its last good content stays in force until it is mended or removed", () => {
  const { apply, inForce, states } = makeCatalog();
  apply(metric(cart));
  const broken = metric(cart, "2", "  frequncy: 90\n");
  const refusal = `refused invalid ${cart}:8:3: unknown key "frequncy"; did you mean "frequency"?`;
  assert.deepEqual(apply(broken), [refusal]);
  assert.deepEqual(apply(broken), [], "the same problem is told once");
  assert.deepEqual(inForce(), ["cart /metrics"]);
  assert.deepEqual(states(), [`${cart} invalid 1`]);
  assert.deepEqual(apply(metric(cart)), [`mended ${cart}`]);
  apply(broken);
  assert.deepEqual(apply({ type: "delete", path: cart }), [`removed ${cart}`]);
  assert.deepEqual(apply(broken), [refusal]);
  assert.deepEqual(states(), [`${cart} invalid null`]);
  assert.deepEqual(inForce(), []);
  assert.deepEqual(apply(metric(cart)), [`added ${cart}`]);
});

test("a spec that changed under the same version does not take effect until the version changes", () => {
  const { apply, inForce, states } = makeCatalog();
  apply(metric(cart, "3"));
  const refusal = `refused stale-version ${cart}:5:12: spec changed but version is still 3`;
  assert.deepEqual(apply(metric(cart, "3", "  frequency: 90\n")), [refusal]);
  assert.deepEqual(states(), [`${cart} stale-version 3`]);
  assert.deepEqual(inForce(), ["cart /metrics"]);
  assert.deepEqual(apply(metric(cart, "4", "  frequency: 90\n")), [`changed ${cart}`]);
  assert.deepEqual(apply(metric(cart, "4")), [refusal.replace("still 3", "still 4")]);
  assert.deepEqual(apply(metric(cart, "4", "  frequency: 90\n")), [`mended ${cart}`]);
});

test("comments, layout, the order of keys and defaults that are written out are no change", () => {
  const { apply } = makeCatalog();
  apply(metric(cart, "3", "  selector: { a: x, b: y }\n"));
  assert.deepEqual(apply(metric(cart, "3", "  # a comment\n  selector:\n    b: y\n    a: x\n  frequency: 60\n")), []);
});

test("metadata may change without the version", () => {
  const { catalog, apply } = makeCatalog();
  apply(metric(cart));
  const event = metric(cart);
  assert.ok(event.type === "put");
  const text = event.entry.text.replace("name: cart }", "name: cart, labels: { team: trade } }");
  assert.deepEqual(apply(put(cart, text)), [`changed ${cart}`]);
  assert.deepEqual(catalog.documents("Metric")[0]?.metadata.labels, { team: "trade" });
});

test("of two names that differ only in case the later is refused until the other is gone", () => {
  const { apply, inForce } = makeCatalog();
  const upper = "c1/metric/shop/Cart.yaml";
  apply(metric(cart));
  const refusal = `refused conflict ${upper}:3:51: name Cart differs only in case from cart, which was there before`;
  assert.deepEqual(apply(metric(upper)), [refusal]);
  assert.deepEqual(apply(metric(cart, "2")), [`changed ${cart}`], "the first is not disturbed");
  assert.deepEqual(inForce(), ["cart /metrics"]);
  assert.deepEqual(apply({ type: "delete", path: cart }), [`removed ${cart}`, `added ${upper}`]);
  assert.deepEqual(apply(metric(cart)), [
    `refused conflict ${cart}:3:51: name cart differs only in case from Cart, which was there before`,
  ]);
});

test("namespaces and clusters that differ only in case are refused too, folder by folder", () => {
  const { apply } = makeCatalog();
  apply(metric(cart));
  assert.deepEqual(apply(metric("c1/metric/Shop/pay.yaml")), [
    "refused conflict c1/metric/Shop/pay.yaml:3:39: "
    + "namespace Shop differs only in case from shop, which was there before",
  ]);
  assert.deepEqual(apply(metric("C1/metric/other/pay.yaml")), [
    "refused conflict C1/metric/other/pay.yaml:3:24: "
    + "clusterId C1 differs only in case from c1, which was there before",
  ]);
  assert.deepEqual(apply(metric("c1/metric/shop2/CART.yaml")), ["added c1/metric/shop2/CART.yaml"]);
  assert.deepEqual(apply({ type: "delete", path: cart }), [`removed ${cart}`, "added c1/metric/Shop/pay.yaml"]);
});

test("while the store is unavailable everything stays in force", () => {
  const { catalog, apply, inForce } = makeCatalog();
  apply(metric(cart));
  assert.equal(catalog.synced, false);
  apply({ type: "synced" });
  assert.equal(catalog.synced, true);
  assert.deepEqual(apply({ type: "unavailable", reason: "gone" }), []);
  assert.equal(catalog.synced, false);
  assert.deepEqual(inForce(), ["cart /metrics"]);
});

test("a file that cannot be read keeps its last content in force", () => {
  const { apply, inForce } = makeCatalog();
  apply(metric(cart));
  assert.deepEqual(apply({ type: "unreadable", path: cart, reason: "permission denied" }), [
    `refused invalid ${cart}:1:1: permission denied`,
  ]);
  assert.deepEqual(inForce(), ["cart /metrics"]);
  assert.deepEqual(apply(metric(cart)), [`mended ${cart}`]);
});

test("a file at no document's place is refused, and the system's own entries are none of the catalog's", () => {
  const { apply, states } = makeCatalog();
  assert.match(apply(metric("c1/metrics/shop/cart.yaml"))[0] ?? "", /refused invalid .*did you mean "metric"/);
  assert.deepEqual(apply(put(".bcs-metric/registry/exporter/a.json", "{}")), []);
  assert.deepEqual(apply({ type: "unreadable", path: ".bcs-metric/status/a.json", reason: "large" }), []);
  assert.deepEqual(states(), ["c1/metrics/shop/cart.yaml invalid null"]);
});

test("documents are found by kind, cluster and namespace, sorted by path", () => {
  const { catalog, apply } = makeCatalog();
  for (const path of ["c2/metric/a/x.yaml", "c1/metric/b/x.yaml", "c1/metric/a/y.yaml", "c1/metric/a/x.yaml"]) {
    apply(metric(path));
  }
  const found = (filter?: { clusterId?: string; namespace?: string }) =>
    catalog.documents("Metric", filter).map(({ metadata }) =>
      `${metadata.clusterId}/${metadata.namespace}/${metadata.name}`
    );
  assert.deepEqual(found(), ["c1/a/x", "c1/a/y", "c1/b/x", "c2/a/x"]);
  assert.deepEqual(found({ clusterId: "c1" }), ["c1/a/x", "c1/a/y", "c1/b/x"]);
  assert.deepEqual(found({ clusterId: "c1", namespace: "a" }), ["c1/a/x", "c1/a/y"]);
  assert.deepEqual(found({ namespace: "a" }), ["c1/a/x", "c1/a/y", "c2/a/x"]);
  assert.deepEqual(catalog.documents("Task"), []);
});
