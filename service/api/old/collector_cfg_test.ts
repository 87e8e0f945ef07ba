import assert from "node:assert/strict";
import { test } from "node:test";
import { type CollectionDocument, documentSchemas } from "../../../core/config/schema.ts";
import { oldPrefixes } from "./routes.ts";
import { nowMs, ok, OldApp } from "./testing/old_app.ts";

function collectionOf(name: string, generation: number, metrics: unknown[], namespace = "shop"): CollectionDocument {
  return documentSchemas.Collection.parse({
    apiVersion: "bcs-metric/v1",
    kind: "Collection",
    metadata: { clusterId: "c1", namespace, name },
    spec: { generation, digest: "", metrics },
  });
}

function cartOf(...targets: unknown[]) {
  const scrape = { version: "3", uri: "/metrics", dataId: 7, head: { "X-Zone": "a" }, parameters: { full: "1" } };
  return { name: "cart", ...scrape, constLabels: { team: "trade" }, timeout: 2.5, targets };
}

function cartItem(ip: string, pod: string): string {
  const address = `http://${ip}:9100/metrics`;
  return `{"cfgKey":"cart_${address}","version":"3","meta":{"name":"${pod}","namespace":"shop",`
    + `"creationTimestamp":"0001-01-01T00:00:00Z","labels":{"app":"cart"}},"dataid":7,"ip":"${ip}","port":9100,`
    + `"scheme":"http","address":"${address}","head":{"X-Zone":"a"},"parameters":{"full":"1"},"method":"GET",`
    + `"frequency":60,"timeout":3,"tlsConfig":{"isTLS":false,"ca":"","clientCert":"","clientKey":"",`
    + `"clientKeyPwd":""},"metricType":"prometheus","constLabels":{"team":"trade"}}`;
}

function target(ip: string, pod: string, over: object = {}) {
  return { address: `${ip}:9100`, pod, labels: { app: "cart" }, ...over };
}

for (const prefix of oldPrefixes) {
  test(`below ${prefix} a collector gets one list for each metric, of the whole namespace`, async () => {
    const app = await OldApp.make();
    const idle = { name: "idle", version: "1", uri: "/", targets: [] };
    app.set(collectionOf("one-0", 4, [idle, cartOf(target("10.0.0.2", "b"))]));
    app.set(collectionOf("one-1", 5, [cartOf(target("10.0.0.1", "a"))]));
    app.set(collectionOf("one-0", 9, [cartOf(target("10.0.0.3", "c"))], "bank"));
    const ask = (name: string) => app.ask("GET", `/collector/k8s/c1/shop/${name}`, undefined, 200, prefix);
    const both = `[${cartItem("10.0.0.1", "a")},${cartItem("10.0.0.2", "b")}]`;
    assert.equal(await ask("bcs-collector-shop"), ok(`{"version":"5","cfgs":[${both},[]]}`));
    assert.equal(await ask("one"), ok(`{"version":"5","cfgs":[${both},[]]}`));
    assert.equal(await ask("one-0"), ok(`{"version":"4","cfgs":[[${cartItem("10.0.0.2", "b")}],[]]}`));
  });
}

test("of several workloads each gets what its own instances have", async () => {
  const app = await OldApp.make();
  app.set(collectionOf("one-0", 1, [cartOf(target("10.0.0.1", "a"))]));
  app.set(collectionOf("two-0", 1, [cartOf(target("10.0.0.2", "b"))]));
  const answer = await app.ask("GET", "/collector/k8s/c1/shop/two");
  assert.equal(answer, ok(`{"version":"1","cfgs":[[${cartItem("10.0.0.2", "b")}]]}`));
});

test("targets that share an address have keys and parameters of their own", async () => {
  const app = await OldApp.make();
  const probe = (name: string) => target("10.0.0.1", name, { uri: "/probe", parameters: { target: name } });
  app.set(collectionOf("one-0", 1, [cartOf(probe("a"), probe("b"))]));
  const answer = JSON.parse(await app.ask("GET", "/collector/k8s/c1/shop/one")) as {
    readonly data: { readonly cfgs: readonly (readonly Record<string, unknown>[])[] };
  };
  const address = "http://10.0.0.1:9100/probe";
  const got = answer.data.cfgs[0]?.map(({ cfgKey, address: asked, parameters }) => [cfgKey, asked, parameters]);
  assert.deepEqual(got, [
    [`cart_${address}?target=a`, address, { target: "a" }],
    [`cart_${address}?target=b`, address, { target: "b" }],
  ]);
});

test("a namespace without collections has nothing to scrape", async () => {
  const app = await OldApp.make();
  assert.equal(await app.ask("GET", "/collector/mesos/c1/none/one"), ok('{"version":"","cfgs":[]}'));
});

test("a target that changes hands is given once, as its owner of the moment has it", async () => {
  const app = await OldApp.make();
  app.set(collectionOf("one-0", 2, [cartOf(
    target("10.0.0.1", "leaving", { untilMs: nowMs + 1 }),
    target("10.0.0.2", "left", { untilMs: nowMs }),
  )]));
  app.set(collectionOf("one-1", 2, [cartOf(
    target("10.0.0.1", "coming", { fromMs: nowMs + 1 }),
    target("10.0.0.2", "come", { fromMs: nowMs }),
  )]));
  const answer = await app.ask("GET", "/collector/k8s/c1/shop/all");
  const items = `${cartItem("10.0.0.1", "leaving")},${cartItem("10.0.0.2", "come")}`;
  assert.equal(answer, ok(`{"version":"2","cfgs":[[${items}]]}`));
});

test("scheme and key references are told, and addresses of IPv6 are readable", async () => {
  const app = await OldApp.make();
  const metric = {
    ...cartOf({ address: "[fd00::1]:443" }, { address: "10.0.0.1:80", scheme: "http" }),
    uri: "//a/../metrics/?x=1",
    scheme: "https",
    tls: { ca: "file:ca.pem" },
  };
  app.set(collectionOf("one-0", 1, [metric]));
  const answer = JSON.parse(await app.ask("GET", "/collector/k8s/c1/shop/one-0")) as {
    data: { cfgs: { ip: string; port: number; address: string; tlsConfig: { isTLS: boolean; ca: string } }[][] };
  };
  assert.deepEqual(
    answer.data.cfgs[0]?.map(({ ip, port, address, tlsConfig }) => [ip, port, address, tlsConfig.isTLS, tlsConfig.ca]),
    [
      ["10.0.0.1", 80, "http://10.0.0.1:80/metrics?x=1", false, ""],
      ["fd00::1", 443, "https://[fd00::1]:443/metrics?x=1", true, "file:ca.pem"],
    ],
  );
});
