import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { test } from "node:test";
import { makeCa } from "../../../core/runtime/testing/certificates.ts";
import { metricOf } from "../../testing/documents.ts";
import type { Identity } from "../auth.ts";
import { bodyBytesMax } from "./body.ts";
import type { KeyStore } from "./key_material.ts";
import { oldPrefixes } from "./routes.ts";
import { brokenDocuments, failed, ok, OldApp } from "./testing/old_app.ts";

/** As bcs-client sends it, with what the old documentation names. */
const cart = {
  version: "1",
  name: "cart",
  namespace: "shop",
  networkMode: "BRIDGE",
  networkType: "cnm",
  clusterID: "c1",
  clusterType: "mesos",
  dataID: 1500001,
  port: 9100,
  uri: "metrics/",
  method: "get",
  head: { "X-Zone": "a" },
  parameters: { full: "1" },
  selector: { app: "cart" },
  frequency: 0,
  timeout: 0,
  imageBase: "registry.example.com",
  metricType: "prometheus",
  constLabels: { team: "trade" },
};

const cartBack = '{"version":"1","name":"cart","namespace":"shop","clusterID":"c1","clusterType":"mesos",'
  + '"networkMode":"BRIDGE","networkType":"cnm","hostNetwork":false,"dnsPolicy":"","imagePullSecrets":[],'
  + '"dataID":1500001,"port":9100,"uri":"/metrics","method":"GET","head":{"X-Zone":"a"},"parameters":{"full":"1"},'
  + '"selector":{"app":"cart"},"frequency":60,"timeout":30,"imageBase":"registry.example.com",'
  + '"metricType":"prometheus","constLabels":{"team":"trade"},'
  + '"tlsConfig":{"isTLS":false,"ca":"","clientCert":"","clientKey":"","clientKeyPwd":""}}';

const least = { version: "1", name: "least", namespace: "shop", clusterID: "c1", port: "8080" };

const setPath = "/clustertype/Mesos/metrics";
const deletePath = "/clustertype/k8s/clusters/c1/namespaces/shop/metrics";

for (const prefix of oldPrefixes) {
  test(`below ${prefix} metrics are set, queried and deleted`, async () => {
    const app = await OldApp.make();
    const ask = (method: string, path: string, body?: unknown) =>
      app.ask(method, path, body === undefined ? undefined : JSON.stringify(body), 200, prefix);
    assert.equal(await ask("POST", setPath, [cart, least]), ok("{}"));
    assert.equal(await ask("POST", "/metrics", { clusterID: ["c1"], name: "cart,none" }), ok(`[${cartBack}]`));
    assert.equal(await ask("DELETE", `${deletePath}?name=cart,none`), ok("{}"));
    assert.equal(await ask("DELETE", `${deletePath}?name=cart`), ok("{}"));
    assert.equal(await ask("POST", "/metrics", { clusterID: ["c1"], name: "cart" }), ok("[]"));
    assert.match(await ask("POST", "/metrics", { clusterID: ["c2", "c1"] }), /"data":\[\{"version":"1","name":"least"/);
  });
}

test("what a metric leaves out is as in the old service: opaque text, GET /, every minute, half a minute's time", async () => {
  const app = await OldApp.make();
  assert.equal(await app.ask("POST", "/clustertype/k8s/metrics", JSON.stringify([least])), ok("{}"));
  assert.equal(
    await app.ask("POST", "/metrics", '{"clusterID":["c1"],"name":""}'),
    ok(
      '[{"version":"1","name":"least","namespace":"shop","clusterID":"c1","clusterType":"k8s","networkMode":null,'
        + '"networkType":"","hostNetwork":false,"dnsPolicy":"","imagePullSecrets":[],"dataID":0,"port":8080,"uri":"/",'
        + '"method":"GET","head":{},"parameters":{},"selector":{},"frequency":60,"timeout":30,"imageBase":"",'
        + '"metricType":"","constLabels":{},'
        + '"tlsConfig":{"isTLS":false,"ca":"","clientCert":"","clientKey":"","clientKeyPwd":""}}]',
    ),
  );
  assert.equal(await app.ask("POST", "/clustertype/k8s/metrics", "[]"), ok("{}"));
  assert.equal(await app.ask("POST", "/clustertype/k8s/metrics", "null"), ok("{}"));
  assert.equal(await app.ask("POST", "/metrics", "{}"), ok("[]"));
});

test("the query finds a name in every namespace, in the order of the clusters", async () => {
  const app = await OldApp.make();
  app.set(metricOf("cart", {}, "shop"));
  app.set(metricOf("cart", {}, "bank"));
  app.set(metricOf("other", {}, "bank"));
  const data = await app.ask("POST", "/metrics", '{"clusterID":["c1"],"name":"cart"}');
  assert.deepEqual([...data.matchAll(/"namespace":"(\w+)"/g)].map((match) => match[1]), ["bank", "shop"]);
});

test("a version takes effect once: the same again is a success, other content under it error 110", async () => {
  const app = await OldApp.make();
  const set = (metric: unknown) => app.ask("POST", setPath, JSON.stringify([metric]));
  assert.equal(await set(cart), ok("{}"));
  assert.equal(await set(cart), ok("{}"));
  const message = "failed to set metric: No.0 (shop/cart): "
    + "spec changed but version is still 1; give it another version";
  assert.equal(await set({ ...cart, port: 9200 }), failed(1405110, message));
  assert.equal(await set({ ...cart, port: 9200, version: "2" }), ok("{}"));
  const stored = app.documents.get({ clusterId: "c1", kind: "Metric", namespace: "shop", name: "cart" });
  assert.deepEqual([stored?.document.spec.version, stored?.document.spec.port], ["2", 9200]);
  assert.match(app.lines[0] ?? "", /"path":"c1\/metric\/shop\/cart\.yaml","by":"local \(old API\)"/);
});

test("an unknown cluster type is error 129", async () => {
  const app = await OldApp.make();
  const message = 'unknown cluster type: "swarm"; the types are mesos, k8s, bcs-components';
  assert.equal(await app.ask("POST", "/clustertype/swarm/metrics", "[]"), failed(1405129, message));
  const path = "/clustertype/swarm/clusters/c1/namespaces/shop/metrics?name=a";
  assert.equal(await app.ask("DELETE", path), failed(1405129, message));
});

test("a body that is no JSON, or of another shape, is error 10", async () => {
  const app = await OldApp.make();
  const check = async (path: string, body: string, message: RegExp) => {
    const answer = JSON.parse(await app.ask("POST", path, body)) as { code: number; message: string };
    assert.equal(answer.code, 1405010);
    assert.match(answer.message, message);
  };
  await check(setPath, "", /^\(bcs-metricservice\):json decode failed!: /);
  await check(setPath, "[{", /json decode failed!: /);
  await check(setPath, JSON.stringify(cart), /json decode failed!: the body: .*expected array/);
  await check(setPath, '[{"port":"http"}]', /json decode failed!: 0\.port: must be a whole number/);
  await check(setPath, '[{"port":-1}]', /json decode failed!: 0\.port: must not be negative/);
  await check(setPath, '[{"selector":{"app":1}}]', /json decode failed!: 0\.selector\.app: /);
  await check("/metrics", '{"clusterID":"c1"}', /json decode failed!: clusterID: .*expected array/);
});

test("a body that is too long, or breaks off, is error 12", async () => {
  const app = await OldApp.make();
  const message = `read http request body failed!: it has more than ${bodyBytesMax} bytes`;
  assert.equal(await app.ask("POST", "/metrics", " ".repeat(bodyBytesMax + 1)), failed(1405012, message));
  assert.equal(await app.ask("POST", "/metrics", `{}${" ".repeat(bodyBytesMax - 2)}`), ok("[]"));
});

test("an invalid metric is error 128, says what is wrong, and keeps the whole list from being set", async () => {
  const app = await OldApp.make();
  const check = async (metric: unknown, message: string) => {
    const body = JSON.stringify([least, metric]);
    assert.equal(await app.ask("POST", setPath, body), failed(1405128, `invalid metric data: ${message}`));
  };
  await check(null, "No.1 is null");
  await check({ ...cart, clusterID: "" }, 'No.1: clusterId "" is empty');
  await check({ ...cart, namespace: "" }, 'No.1: namespace "" is empty');
  const names = "must consist of letters, digits, '.', '_' and '-', and begin and end with a letter or digit";
  await check({ ...cart, name: "../x" }, `No.1: name "../x" ${names}`);
  await check(
    { ...cart, version: "", port: 0 },
    "No.1 (shop/cart): version: must not be empty; change it whenever anything in spec changes; "
      + "port: must be at least 1",
  );
  await check(
    { ...cart, frequency: 10, timeout: 11 },
    "No.1 (shop/cart): frequency: frequency 10 is below the minimum of 60 seconds, which the operator lowers with "
      + "--frequency-min; timeout: timeout 11 is longer than the frequency of 10 seconds",
  );
  await check({ ...cart, dataID: -1 }, "No.1 (shop/cart): dataID: must be at least 0");
  await check({ ...cart, method: "PUT" }, 'No.1 (shop/cart): method: must be one of "GET", "POST"');
  assert.deepEqual(await app.store.list(""), []);
});

test("references to key material are stored, and come back", async () => {
  const app = await OldApp.make();
  const set = (tlsConfig: unknown) => app.ask("POST", setPath, JSON.stringify([{ ...cart, tlsConfig }]));
  const references = { isTLS: true, ca: "file:shop/ca.pem", clientCert: "env:CERT", clientKey: "env:KEY" };
  assert.equal(await set(references), ok("{}"));
  const back = await app.ask("POST", "/metrics", '{"clusterID":["c1"]}');
  assert.match(back, new RegExp(`"tlsConfig":${JSON.stringify({ ...references, clientKeyPwd: "" })}`));
  assert.match(
    await set({ isTLS: true, ca: "LS0tLS1CRUdJTg==" }),
    /"code":1405128,.*tlsConfig\.ca: expected base64 of PEM/,
  );
  assert.match(
    await set({ ...references, clientKeyPwd: "canary" }),
    /"code":1405128,.*without a password/,
  );
  assert.ok(!app.lines.join("").includes("canary"));
});

test("base64 of PEM is taken: certificates into the document, a key among the secrets", async () => {
  const stored: string[] = [];
  const keys: KeyStore = {
    store(place, name, key) {
      stored.push(`${place.cluster}/${place.namespace}/${name}: ${key.reveal()}`);
      return Promise.resolve();
    },
  };
  const ca = makeCa();
  const client = ca.issue({ names: ["old"], client: true });
  const locked = createPrivateKey(client.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "canary",
  });
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const certificates = { ca: base64(ca.cert), clientCert: base64(client.cert) };
  const tlsConfig = { isTLS: true, ...certificates, clientKey: base64(String(locked)), clientKeyPwd: "canary" };
  const body = JSON.stringify([{ ...cart, tlsConfig }]);
  const without = await OldApp.make();
  assert.match(await without.ask("POST", setPath, body), /"code":1405128,.*no folder of secrets \(--secrets\)/);
  const app = await OldApp.make({ keys });
  for (let round = 0; round < 2; round++) assert.equal(await app.ask("POST", setPath, body), ok("{}"));
  const [first = ""] = stored;
  const { name } = /^c1\/shop\/(?<name>old-api\/[0-9a-f]{32}\.pem): -----BEGIN PRIVATE KEY/.exec(first)?.groups ?? {};
  assert.ok(name !== undefined, first.slice(0, 60));
  assert.equal(stored.length, 2);
  assert.equal(new Set(stored).size, 1, "the same key has the same name");
  const back = await app.ask("POST", "/metrics", '{"clusterID":["c1"]}');
  const want = { isTLS: true, ...certificates, clientKey: `file:${name}`, clientKeyPwd: "" };
  assert.ok(back.includes(`"tlsConfig":${JSON.stringify(want)}`), back);
  const everything = app.lines.join("") + back + JSON.stringify(await app.store.list(""));
  for (const secret of ["canary", client.key.split("\n")[1] ?? "", String(locked).split("\n")[1] ?? ""]) {
    assert.ok(!everything.includes(secret));
  }
});

test("a metric of the old tree's components needs no port", async () => {
  const app = await OldApp.make();
  const metric = { ...least, port: 0, uri: "/metrics" };
  assert.equal(await app.ask("POST", "/clustertype/BCS-Components/metrics", JSON.stringify([metric])), ok("{}"));
  assert.match(await app.ask("POST", "/metrics", '{"clusterID":["c1"]}'), /"port":0,/);
});

test("deleting without a name is error 119, and a name that cannot be is a success", async () => {
  const app = await OldApp.make();
  const message = "failed to delete metric: the query parameter name lists no metric";
  assert.equal(await app.ask("DELETE", deletePath), failed(1405119, message));
  assert.equal(await app.ask("DELETE", `${deletePath}?name=,`), failed(1405119, message));
  assert.equal(await app.ask("DELETE", `${deletePath}?name=_,..%2F..%2Fx`), ok("{}"));
});

test("what Git manages is not changed, and says why", async () => {
  const app = await OldApp.make();
  const managed = metricOf("cart");
  managed.metadata.annotations["bcs-metric/managed-by"] = "git";
  app.set(managed);
  const why = 'Cannot change "c1/metric/shop/cart.yaml": its annotation bcs-metric/managed-by says that only its file '
    + "in Git may be edited";
  assert.equal(
    await app.ask("POST", setPath, JSON.stringify([least, { ...cart, version: "2" }])),
    failed(1405110, `failed to set metric: No.1 (shop/cart): ${why}`),
  );
  const deleted = await app.ask("DELETE", `${deletePath}?name=least,cart`);
  assert.equal(deleted, failed(1405119, `failed to delete metric: ${why}`));
  // The list is worked through in its order, as it always was.
  assert.deepEqual((await app.store.list("")).map(({ path }) => path), ["c1/metric/shop/cart.yaml"]);
});

test("without its store nothing is changed, which is error 127, and what is in force is still told", async () => {
  const app = await OldApp.make();
  await app.ask("POST", setPath, JSON.stringify([cart]));
  app.store.fail("the disk is gone");
  const unavailable = /^\{"result":false,"code":1405127,"message":"\(bcs-metricservice\):storage not found: .*gone/;
  assert.match(await app.ask("POST", setPath, JSON.stringify([{ ...cart, version: "2" }])), unavailable);
  assert.match(await app.ask("DELETE", `${deletePath}?name=cart`), unavailable);
  assert.equal(await app.ask("POST", "/metrics", '{"clusterID":["c1"]}'), ok(`[${cartBack}]`));
});

test("a defect is the error of the operation, and its reason is in the log alone", async () => {
  const broken = await OldApp.make({ documents: brokenDocuments() });
  const why = "the service's log has the reason";
  assert.equal(
    await broken.ask("POST", "/metrics", '{"clusterID":["c1"]}'),
    failed(1405121, `failed to get metric: ${why}`),
  );
  const path = "/collector/k8s/c1/shop/bcs-collector-shop";
  assert.equal(await broken.ask("GET", path), failed(1405118, `failed to get collector config: ${why}`));
  assert.match(
    await broken.ask("POST", setPath, JSON.stringify([least])),
    /"code":1405110,"message":"\(bcs-metricservice\):failed to set metric: the service's log/,
  );
  assert.match(await broken.ask("DELETE", `${deletePath}?name=a`), /"code":1405119,/);
  assert.match(broken.lines.join(""), /canary/);
});

test("before the store was read every route is error 120", async () => {
  const app = await OldApp.make({ storeRead: () => false });
  const routes: [string, string][] = [
    ["POST", setPath],
    ["DELETE", `${deletePath}?name=cart`],
    ["POST", "/metrics"],
    ["GET", "/collector/k8s/c1/shop/one"],
    ["GET", "/tasks/clusters/c1"],
    ["GET", "/tasks/clusters/c1/namespaces/shop/name/extra"],
    ["PUT", "/tasks/clusters/c1/namespaces/shop/name/extra"],
    ["DELETE", "/tasks/clusters/c1/namespaces/shop/name/extra"],
  ];
  for (const [method, path] of routes) {
    assert.equal(await app.ask(method, path), failed(1405120, "status not ready: the store has not been read yet"));
  }
});

test("a token sees and changes only its namespaces", async () => {
  const editor: Identity = { name: "shop-team", role: "editor", namespaces: ["c1/shop"] };
  const app = await OldApp.make({}, editor);
  app.set(metricOf("money", {}, "bank"));
  const foreign = { ...least, namespace: "bank" };
  const refusal = failed(
    1405058,
    'bcs auth check no authority: the token "shop-team" does not allow "write" in namespace c1/bank',
  );
  assert.equal(await app.ask("POST", setPath, JSON.stringify([least, foreign]), 403), refusal);
  assert.equal(await app.ask("DELETE", `${deletePath.replace("shop", "bank")}?name=money`, undefined, 403), refusal);
  assert.equal(await app.ask("POST", "/metrics", '{"clusterID":["c1"]}'), ok("[]"));
  assert.equal(await app.ask("POST", setPath, JSON.stringify([least])), ok("{}"));
  const path = "/collector/k8s/c1/bank/one";
  assert.match(await app.ask("GET", path, undefined, 403), /"code":1405058,.*does not allow \\"read\\" in/);
});
