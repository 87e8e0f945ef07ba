import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { UnusableTargetError } from "./request.ts";
import type { TargetIdentity } from "./target_identity.ts";
import { seriesKey, settleLabels, targetLabels } from "./target_labels.ts";

const identity: TargetIdentity = {
  cluster: "BCS-K8S-00001",
  namespace: "shop",
  metric: "cart",
  address: "10.0.0.7:9100",
  pod: "cart-0",
};

function listed(labels: Readonly<Record<string, string>>) {
  return Object.entries(labels).map(([name, value]) => ({ name, value }));
}

function settle(
  exposed: Readonly<Record<string, string>>,
  options: { own?: Record<string, string>; constant?: Record<string, string>; honor?: boolean } = {},
) {
  const target = targetLabels(identity, options.own ?? {}, options.constant ?? {});
  const settled = settleLabels(listed(exposed), target, options.honor ?? false);
  return Object.fromEntries(settled.map((label) => [label.name, label.value]));
}

test("a target has the labels of its place, its own and the constant ones, in rising order of strength", () => {
  const { values } = targetLabels(identity, { app: "cart", namespace: "forged" }, { team: "trade", metric: "renamed" });
  assert.deepEqual(Object.fromEntries(values), {
    app: "cart",
    cluster: "BCS-K8S-00001",
    namespace: "shop",
    metric: "renamed",
    instance: "10.0.0.7:9100",
    pod: "cart-0",
    team: "trade",
  });
});

test("an unknown pod is no label, and an empty constant label removes the target's", () => {
  const { values } = targetLabels({ ...identity, pod: "" }, { zone: "" }, { cluster: "" });
  assert.deepEqual([...values.keys()].toSorted(), ["instance", "metric", "namespace"]);
});

test("a target cannot rename every series", () => {
  assert.throws(() => targetLabels(identity, {}, { __name__: "x" }), UnusableTargetError);
});

test("labels without a conflict stay the very same", () => {
  const labels = listed({ path: "/", code: "200" });
  assert.equal(settleLabels(labels, targetLabels(identity, {}, {}), false), labels);
});

test("without honorLabels a conflicting label is renamed", () => {
  assert.deepEqual(settle({ pod: "other", path: "/" }), { path: "/", exported_pod: "other" });
  assert.deepEqual(settle({ pod: "" }), {});
});

test("the prefix is repeated until the name is new", () => {
  assert.deepEqual(settle({ pod: "a", exported_pod: "b" }), { exported_pod: "b", exported_exported_pod: "a" });
  assert.deepEqual(settle({ pod: "a" }, { own: { exported_pod: "t" } }), { exported_exported_pod: "a" });
  assert.deepEqual(
    settle({ exported_pod: "b", pod: "a" }, { own: { exported_pod: "t" } }),
    { exported_exported_pod: "a", exported_exported_exported_pod: "b" },
  );
});

test("with honorLabels the exposed label wins, and an empty one removes the target's", () => {
  assert.deepEqual(settle({ pod: "other", namespace: "" }, { honor: true }), { pod: "other", namespace: "" });
});

test("a constant label always wins over an exposed one", () => {
  for (const honor of [false, true]) {
    assert.deepEqual(settle({ team: "x", path: "/" }, { constant: { team: "trade" }, honor }), { path: "/" });
    assert.deepEqual(settle({ team: "x" }, { constant: { team: "" }, honor }), {});
  }
});

const names = fc.constantFrom("a", "pod", "exported_pod", "team", "exported_exported_pod");
const labelSet = fc.dictionary(names, fc.constantFrom("", "1", "2"));

test("whatever conflicts, a series keeps every value without honorLabels, under distinct names", () => {
  fc.assert(fc.property(labelSet, labelSet, (exposed, own) => {
    const target = targetLabels(identity, own, { team: "trade" });
    const settled = settleLabels(listed(exposed), target, false);
    assert.equal(new Set(settled.map((label) => label.name)).size, settled.length);
    assert.ok(settled.every((label) => !target.values.has(label.name) && label.value !== ""));
    const want = listed(exposed).filter((label) => label.value !== "" && label.name !== "team");
    assert.deepEqual(settled.map((label) => label.value).toSorted(), want.map((label) => label.value).toSorted());
  }));
});

test("series have one key exactly when their names and labels are equal, in whatever order", () => {
  const key = (name: string, ...labels: [string, string][]) =>
    seriesKey({ name, labels: labels.map(([label, value]) => ({ name: label, value })) });
  assert.equal(key("m", ["a", "1"], ["b", "2"]), key("m", ["b", "2"], ["a", "1"]));
  assert.notEqual(key("m", ["a", "1"]), key("m", ["a", "2"]));
  assert.notEqual(key("m", ["a", "1b2"]), key("m", ["a", "1"], ["b", "2"]));
  assert.notEqual(key("m"), key("ma"));
});
