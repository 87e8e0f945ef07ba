import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual_clock.ts";
import { readClusters } from "./clusters.ts";
import { inClusterAccess } from "./in_cluster.ts";
import { readKubeconfig } from "./kubeconfig.ts";

const base = {
  "current-context": "one",
  contexts: [
    { name: "one", context: { cluster: "c", user: "token" } },
    { name: "two", context: { cluster: "bcs", user: "cert" } },
  ],
  clusters: [
    { name: "c", cluster: { server: "https://10.0.0.1:6443/", "certificate-authority": "pki/ca.crt" } },
    { name: "bcs", cluster: { server: "https://bcs.example/tunnels/clusters/abc/", "insecure-skip-tls-verify": true } },
  ],
  users: [
    { name: "token", user: { token: "secret" } },
    {
      name: "cert",
      user: { "client-certificate-data": Buffer.from("CERT").toString("base64"), "client-key": "/etc/key.pem" },
    },
  ],
};

function setup(files: Readonly<Record<string, string>> = {}) {
  const given: Record<string, string> = { "/k/pki/ca.crt": "CA", "/etc/key.pem": "KEY", ...files };
  const fs = {
    readFile(path: string) {
      const text = given[path];
      return text === undefined
        ? Promise.reject(new Error(`no such file: ${path}`))
        : Promise.resolve(new TextEncoder().encode(text));
    },
  };
  return { fs, clock: new ManualClock(), environment: {}, files: given };
}

async function read(config: object, context = "") {
  return await readKubeconfig("/k/config", context, setup({ "/k/config": JSON.stringify(config) }));
}

test("the current context is used, and files are found beside the kubeconfig", async () => {
  const access = await read(base);
  assert.deepEqual([access.server, access.ca, access.insecureSkipVerify], ["https://10.0.0.1:6443", "CA", false]);
  assert.equal(await access.token.current(), "secret");
});

test("another context can be named: a tunnel of BCS, with a client certificate", async () => {
  const access = await read(base, "two");
  assert.deepEqual([access.server, access.cert, access.key], [
    "https://bcs.example/tunnels/clusters/abc",
    "CERT",
    "KEY",
  ]);
  assert.equal(access.insecureSkipVerify, true);
});

test("what a kubeconfig asks for and is not supported is said in one line", async () => {
  const user = (fields: object) => ({ ...base, users: [{ name: "token", user: fields }] });
  const check = (config: object, message: RegExp, context = "") =>
    assert.rejects(read(config, context), { name: "UserError", message });
  await check(base, /has no context "three"; it has one, two$/, "three");
  await check(user({ exec: { command: "aws" } }), /user "token" logs in with "exec": use a token/);
  await check(user({ username: "me" }), /logs in with "username"/);
  await check(user({ "client-certificate-data": "AAAA" }), /only one of client certificate and client key/);
  await check({ ...base, clusters: [{ name: "c", cluster: { server: "10.0.0.1" } }] }, /"10\.0\.0\.1" is no URL/);
  await check({ ...base, clusters: [] }, /names cluster "c", which is not in it/);
  await check({ contexts: "none" }, /Cannot use kubeconfig "\/k\/config": contexts: /);
  await assert.rejects(readKubeconfig("/k/none", "", setup()), /Cannot use kubeconfig "\/k\/none": no such file/);
  await assert.rejects(readKubeconfig("/k/x", "", setup({ "/k/x": "a: [" })), /it is no YAML/);
});

test("a pod's token is read anew when it is a minute old or was refused, and kept while it cannot be", async () => {
  const folder = "/sa";
  const deps = setup({ "/sa/token": "one\n", "/sa/ca.crt": "CA" });
  const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" };
  const access = await inClusterAccess(env, deps, folder);
  assert.deepEqual([access.server, access.ca, await access.token.current()], ["https://[fd00::1]:6443", "CA", "one"]);
  deps.files["/sa/token"] = "two";
  assert.equal(await access.token.current(), "one");
  access.token.refused();
  assert.equal(await access.token.current(), "two");
  deps.files["/sa/token"] = "three";
  deps.clock.advance(60_000);
  assert.equal(await access.token.current(), "three");
  delete deps.files["/sa/token"];
  deps.clock.advance(60_000);
  assert.equal(await access.token.current(), "three");
  await assert.rejects(inClusterAccess({}, deps, folder), /this is no pod; give --kubeconfig/);
});

const none = { kubernetesContext: "", kubernetesNamespaces: [] };

test("several clusters stand in one file, each in its own way", async () => {
  const file = [
    { clusterId: "BCS-K8S-1", kubeconfig: "config", context: "two" },
    {
      clusterId: "BCS-K8S-2",
      server: "https://bcs.example/tunnels/clusters/x/",
      tokenFile: "token",
      caFile: "/k/pki/ca.crt",
    },
    { clusterId: "BCS-K8S-3", server: "http://127.0.0.1:8001", token: "t", namespaces: ["shop"] },
  ];
  const deps = setup({
    "/k/clusters.yaml": JSON.stringify(file),
    "/k/config": JSON.stringify(base),
    "/k/token": "filed",
  });
  const clusters = await readClusters({ ...none, kubernetesClusters: "/k/clusters.yaml" }, deps);
  const shown = await Promise.all(clusters.map(async ({ clusterId, access, namespaces }) => [
    clusterId,
    access.server,
    await access.token.current(),
    access.ca,
    namespaces,
  ]));
  assert.deepEqual(shown, [
    ["BCS-K8S-1", "https://bcs.example/tunnels/clusters/abc", "", undefined, []],
    ["BCS-K8S-2", "https://bcs.example/tunnels/clusters/x", "filed", "CA", []],
    ["BCS-K8S-3", "http://127.0.0.1:8001", "t", undefined, ["shop"]],
  ]);
});

test("a file of clusters that contradicts itself is refused with the place", async () => {
  const check = async (entries: unknown, message: RegExp) => {
    const deps = setup({ "/k/clusters.yaml": JSON.stringify(entries) });
    const reading = readClusters({ ...none, kubernetesClusters: "/k/clusters.yaml" }, deps);
    await assert.rejects(reading, { name: "UserError", message });
  };
  const server = "https://10.0.0.1";
  await check([], /Cannot use clusters file "\/k\/clusters\.yaml"/);
  await check(
    [{ clusterId: "a", server }, { clusterId: "a", server }],
    /: 1:\d+: 1\.clusterId: cluster "a" is in it twice$/,
  );
  await check([{ clusterId: "../a", server }], /: 1:15: 0\.clusterId: /);
  await check([{ clusterId: "a", server, kubeconfig: "k" }], /must have kubeconfig or server, not both/);
  await check([{ clusterId: "a", server, token: "x", tokenFile: "y" }], /must have token or tokenFile/);
  await check([{ clusterId: "a", tokenFile: "y" }], /belong to server/);
  await check([{ clusterId: "a", server, caFile: "none" }], /cluster "a": no such file: \/k\/none/);
  await check([{ clusterId: "a", server, nonsense: 1 }], /: 1:\d+: 0\.nonsense: /);
  const both = { ...none, kubernetesClusters: "f", cluster: "a" };
  await assert.rejects(readClusters(both, setup()), /--kubernetes-clusters beside --cluster/);
  await assert.rejects(readClusters(none, setup()), /give --cluster with the id/);
});
