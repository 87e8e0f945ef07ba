import assert from "node:assert/strict";
import { test } from "node:test";
import { layersFor, layOver, readTemplates } from "./templates.ts";

function read(...texts: string[]) {
  return readTemplates(texts.map((text, index) => ({ path: `t${index}.yaml`, text })));
}

test("a namespace's templates go over its cluster type's, and those of one cluster over both", () => {
  const templates = read(
    "clusterTypes:\n  k8s: { image: a, env: { A: '1', B: '1' } }\n  mesos: { image: m }\n",
    "namespaces:\n  shop: { env: { B: '2' }, template: { x: { y: [1] } } }\n"
      + "  c1/shop: { image: c, template: { x: { y: [2], z: 1 } } }\n",
  );
  const said = (clusterId: string, namespace: string) =>
    layersFor(templates, "k8s", { clusterId, namespace }).reduce(layOver, {});
  assert.deepEqual(said("c1", "bank"), { image: "a", env: { A: "1", B: "1" } });
  assert.deepEqual(said("c2", "shop"), { image: "a", env: { A: "1", B: "2" }, template: { x: { y: [1] } } });
  assert.deepEqual(said("c1", "shop"), { image: "c", env: { A: "1", B: "2" }, template: { x: { y: [2], z: 1 } } });
});

test("what is wrong is told with its place and field", () => {
  const check = (texts: string[], message: RegExp) => assert.throws(() => read(...texts), { message });
  check(
    ["clusterTypes:\n  k8s:\n    imag: a\n"],
    /^t0\.yaml:3:5: clusterTypes\.k8s\.imag unknown key "imag"; did you mean/,
  );
  check(
    ["clusterTypes:\n  k8s: { resources: { cpus: 0, memoryMiB: 64 } }\n"],
    /^t0\.yaml:2:\d+: clusterTypes\.k8s\.res/,
  );
  check(["clusterTypes: { other: {} }\n"], /^t0\.yaml:1:\d+: clusterTypes\.other /);
  check(["namespaces:\n  a/b/c: {}\n"], /^t0\.yaml:2:3: namespaces\.a\/b\/c .*clusterId\/namespace/);
  check(["a: [\n"], /^t0\.yaml:\d+:\d+: /);
  check(
    ["namespaces:\n  shop: {}\n", "namespaces:\n  shop: {}\n"],
    /^t1\.yaml:2:3: namespaces\.shop is in t0\.yaml too$/,
  );
});
