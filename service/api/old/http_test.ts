import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ServiceFolder } from "../../testing/service_process.ts";
import { oldPrefixes } from "./routes.ts";
import { failed, ok } from "./testing/old_app.ts";

let folder: ServiceFolder;

beforeEach(async () => {
  folder = await ServiceFolder.make();
  await mkdir(join(folder.root, "volume"));
});
afterEach(() => folder.remove());

interface Collector {
  readonly data: { readonly version: string; readonly cfgs: readonly (readonly { readonly cfgKey: string }[])[] };
}

test("an old client defines a metric and a task, and an old collector learns what to scrape", async () => {
  const volume = join(folder.root, "volume");
  await mkdir(join(volume, "c1", "collector", "shop"), { recursive: true });
  const metadata = { clusterId: "c1", namespace: "shop", name: "bcs-collector-shop" };
  const collector = { apiVersion: "bcs-metric/v1", kind: "Collector", metadata, spec: { replicas: 2 } };
  await writeFile(join(volume, "c1/collector/shop/bcs-collector-shop.yaml"), JSON.stringify(collector));
  folder.start(["--orchestrator", "none"]);
  const url = await folder.url();
  const [own, gateway] = oldPrefixes;
  const ask = async (method: string, path: string, body?: unknown) => {
    const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "X-Bcs-User-Token": "any" } };
    const answer = await fetch(url + path, { method, ...init });
    assert.equal(answer.status, 200);
    return await answer.text();
  };
  await folder.eventually(async () => (await fetch(`${url}/readyz`)).ok || undefined);

  const cart = { version: "1", name: "cart", namespace: "shop", clusterID: "c1", port: 9100, uri: "metrics" };
  const metrics = [{ ...cart, selector: { app: "cart" }, metricType: "prometheus" }];
  assert.equal(await ask("POST", `${gateway}/clustertype/K8S/metrics`, metrics), ok("{}"));
  const changed = await ask("POST", `${gateway}/clustertype/K8S/metrics`, [{ ...metrics[0], port: 9200 }]);
  assert.match(changed, /^\{"result":false,"code":1405110,"message":"\(bcs-metricservice\):failed to set metric: /);
  const pods = [{ ip: "10.0.0.1", meta: { name: "a" } }, { ip: "10.0.0.2", port: 9300, meta: { name: "b" } }];
  const task = `${own}/tasks/clusters/c1/namespaces/shop/name/extra`;
  assert.equal(await ask("PUT", task, { selector: { app: "cart" }, pods }), ok("{}"));
  assert.match(await readFile(join(volume, "c1/metric/shop/cart.yaml"), "utf8"), /uri: "?\/metrics"?/);

  // Two collectors share the targets, and an old one that asks for the workload gets both shares.
  const cfgs = await folder.eventually(async () => {
    const { data } = JSON.parse(await ask("GET", `${own}/collector/k8s/c1/shop/bcs-collector-shop`)) as Collector;
    return data.cfgs.flat().length === 2 ? data : undefined;
  });
  assert.deepEqual(cfgs.cfgs.map((items) => items.map(({ cfgKey }) => cfgKey)), [[
    "cart_http://10.0.0.1:9100/metrics",
    "cart_http://10.0.0.2:9300/metrics",
  ]]);
  assert.match(cfgs.version, /^[1-9]\d*$/);

  assert.equal(
    await ask("DELETE", `${gateway}/clustertype/k8s/clusters/c1/namespaces/shop/metrics?name=cart,x`),
    ok("{}"),
  );
  assert.equal(await ask("POST", `${gateway}/metrics`, { clusterID: ["c1"] }), ok("[]"));
  assert.equal(await ask("DELETE", task), ok("{}"));
  assert.equal(await ask("GET", task), failed(1405125, "metric task not exist"));
});
