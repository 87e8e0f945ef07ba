import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { nameProblem } from "../config/names.ts";
import type { CollectorIdentity } from "../protocol/session.ts";
import { collectorId, collectorName } from "./collector_id.ts";

/** Short names with many dots, such as `a..b`, so that collisions would be found. */
const name = fc.stringMatching(/^[ab](?:[ab.]{0,3}[ab])?$/);
const identity = fc.record({ cluster: name, namespace: name, name });

test("names without dots make an id that people can read", () => {
  const plain = { cluster: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop-0" };
  assert.equal(collectorId(plain), "BCS-K8S-00001.shop.bcs-collector-shop-0");
});

test("no two collectors have one id, wherever their names have dots", () => {
  const check = (a: CollectorIdentity, b: CollectorIdentity) => assert.notEqual(collectorId(a), collectorId(b));
  check({ cluster: "a.b", namespace: "c", name: "d" }, { cluster: "a", namespace: "b.c", name: "d" });
  check({ cluster: "a", namespace: "b.c", name: "d" }, { cluster: "a", namespace: "b", name: "c.d" });
  fc.assert(fc.property(identity, identity, (a, b) => {
    const isSame = a.cluster === b.cluster && a.namespace === b.namespace && a.name === b.name;
    assert.equal(collectorId(a) === collectorId(b), isSame);
  }));
});

test("an id is a safe name, and tells the collector's own", () => {
  fc.assert(fc.property(identity, (one) => {
    const id = collectorId(one);
    assert.equal(nameProblem(id), null);
    assert.equal(collectorName({ cluster: one.cluster, namespace: one.namespace, id }), one.name);
  }));
});

test("a long id is still a file name, and another for another collector", () => {
  const long = { cluster: "a".repeat(200), namespace: "n".repeat(100), name: "x" };
  assert.ok(collectorId(long).length <= 240);
  assert.equal(nameProblem(collectorId(long)), null);
  assert.notEqual(collectorId({ ...long, name: "y" }), collectorId(long));
  assert.equal(collectorName({ ...long, id: collectorId(long) }), "x");
});
