import assert from "node:assert/strict";
import { test } from "node:test";
import type { Grant } from "./access.ts";
import { recordProblem, targetProblem } from "./claims.ts";

const place = { cluster: "C1", namespace: "shop" };
const all: Grant = { name: "g", role: "collector", namespaces: ["C1/shop"], dataIds: null };
const some: Grant = { ...all, dataIds: [7] };
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

test("a target's labels and data id must be its session's", () => {
  const check = (labels: Record<string, string>, dataId: number, grant: Grant, problem: RegExp | null) => {
    const pairs = Object.entries(labels).map(([name, value]) => ({ name, value }));
    const found = targetProblem({ kind: "target", id: "", dataId, labels: pairs }, place, grant);
    if (problem === null) assert.equal(found, null);
    else assert.match(found ?? "", problem);
  };
  check({ cluster: "C1", namespace: "shop", pod: "a" }, 9, all, null);
  check({}, 0, some, null);
  check({}, 7, some, null);
  check({}, 8, some, /data id 8 is not granted/);
  check({ namespace: "bank" }, 0, all, /label namespace="bank" is not "shop"/);
  check({ cluster: "C2", namespace: "shop" }, 0, all, /label cluster="C2"/);
});

test("a record's data id and namespace must be granted, wherever they stand", () => {
  const own = { objmeta: { namespace: "shop", clusterName: "C1" } };
  assert.equal(recordProblem(8n, json(own), place, all), null);
  assert.equal(recordProblem(7n, json(own), place, some), null);
  assert.equal(recordProblem(0n, json({ dataid: 7 }), place, some), null);
  assert.match(recordProblem(0n, json({ dataid: 8 }), place, some) ?? "", /data id 8/);
  assert.match(recordProblem(8n, json({ dataid: 7 }), place, some) ?? "", /data id 8/);
  assert.match(recordProblem(0n, json({}), place, some) ?? "", /no data id/);
  assert.match(recordProblem(0n, new TextEncoder().encode("no JSON"), place, some) ?? "", /no data id/);
  assert.match(
    recordProblem(1n, json({ objmeta: { namespace: "bank" } }), place, all) ?? "",
    /namespace is not "shop"/,
  );
  assert.match(recordProblem(1n, json({ objmeta: { clusterName: "C2" } }), place, all) ?? "", /cluster is not "C1"/);
  assert.equal(recordProblem(1n, new TextEncoder().encode("no JSON"), place, all), null);
});

test("without a session the record's namespace must be one that is granted", () => {
  const check = (meta: object, namespaces: string[]) =>
    recordProblem(1n, json({ objmeta: meta }), null, { ...all, namespaces });
  assert.equal(check({ namespace: "shop" }, ["C1/shop"]), null);
  assert.equal(check({ namespace: "shop", clusterName: "C1" }, ["C2/x", "C1/*"]), null);
  assert.equal(check({ namespace: "any" }, ["*"]), null);
  assert.match(check({ namespace: "bank" }, ["C1/shop"]) ?? "", /not granted/);
  assert.match(check({ namespace: "shop", clusterName: "C2" }, ["C1/shop"]) ?? "", /not granted/);
});
