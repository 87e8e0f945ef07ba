import assert from "node:assert/strict";
import { test } from "node:test";
import { documentPath, keyOfPath } from "./key.ts";
import { nameProblem } from "./names.ts";

test("a key is a path and a path is a key", () => {
  const path = "BCS-K8S-00001/metric/shop/cart.yaml";
  const key = { clusterId: "BCS-K8S-00001", kind: "Metric", namespace: "shop", name: "cart" } as const;
  assert.equal(documentPath(key), path);
  assert.deepEqual(keyOfPath(path), key);
});

test("a path that is no document's has no key", () => {
  for (
    const path of [
      "",
      "cart.yaml",
      "c1/metric/shop/cart.yml",
      "c1/metric/shop/cart",
      "c1/metric/shop/.yaml",
      "c1/metrics/shop/cart.yaml",
      "c1/metric/shop/a/cart.yaml",
      "../metric/shop/cart.yaml",
      "c1/metric/../cart.yaml",
      "/c1/metric/shop/cart.yaml",
      "c1/constructor/shop/cart.yaml",
    ]
  ) assert.equal(keyOfPath(path), null, path);
});

test("names are safe path segments", () => {
  for (const name of ["a", "0", "BCS-K8S-00001", "bcs_unique_const_clusterid", "a.b-c_d", "n".repeat(253)]) {
    assert.equal(nameProblem(name), null, name);
  }
  for (
    const name of ["", ".", "..", ".a", "a.", "-a", "a-", "a/b", "a\\b", "a b", "购", "a\n", "a\0", "n".repeat(254)]
  ) {
    assert.notEqual(nameProblem(name), null, JSON.stringify(name));
  }
});
