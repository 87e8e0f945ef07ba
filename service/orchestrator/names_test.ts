import assert from "node:assert/strict";
import { test } from "node:test";
import { nameProblem } from "../../core/config/names.ts";
import { defaultWorkloadName, instanceName } from "./names.ts";

test("names are those of the original system", () => {
  assert.equal(defaultWorkloadName("shop"), "bcs-collector-shop");
  assert.equal(instanceName("bcs-collector-shop", 0), "bcs-collector-shop-0");
});

test("names derived from the longest names are safe, fit a file name, and stay apart", () => {
  const one = defaultWorkloadName(`${"a".repeat(252)}b`);
  const other = defaultWorkloadName(`${"a".repeat(252)}c`);
  assert.notEqual(one, other);
  for (const workload of [one, other, "x".repeat(253), `${"a.".repeat(126)}a`]) {
    for (const ordinal of [0, 999]) {
      const name = instanceName(workload, ordinal);
      assert.equal(nameProblem(name), null);
      assert.ok(`${name}.yaml`.length < 240, name);
    }
  }
  assert.ok(instanceName(one, 0).startsWith(one));
});
