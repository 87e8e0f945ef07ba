import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemEnv } from "../core/runtime/system_env.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { makeMetrics } from "../core/telemetry/metrics.ts";
import { readMesosClusters } from "./mesos/clusters.ts";
import { type MesosValues, openMesos } from "./mesos_options.ts";

const plain: MesosValues = { orchestrator: "process", mesosFlavor: "bcs", mesosUnsafeTemplates: false };

function open(over: Partial<MesosValues>) {
  return openMesos({ ...plain, ...over }, {
    env: systemEnv,
    log: makeLogger("test", "silent"),
    metrics: makeMetrics("service"),
  });
}

async function withFile(content: string, body: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "mesos-options-"));
  try {
    await writeFile(join(folder, "token"), "secret\n");
    await writeFile(join(folder, "clusters.yaml"), content);
    await body(join(folder, "clusters.yaml"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("without a cluster nothing is opened, unless collectors are to run in one", async () => {
  assert.equal(await open({}), null);
  await assert.rejects(open({ orchestrator: "mesos" }), { name: "OptionError", message: /no cluster is named$/ });
  const pods = { orchestrator: "mesos", mesosUrl: "http://b", mesosCluster: "k", mesosFlavor: "bcs-k8s" } as const;
  await assert.rejects(open(pods), { name: "OptionError" });
});

test("what contradicts itself is refused in one line", async () => {
  const check = (over: Partial<MesosValues>, message: RegExp) =>
    assert.rejects(open(over), { name: "UserError", message });
  await check({ mesosUrl: "http://b" }, /^Cannot use one of --mesos-url and --mesos-cluster without the other$/);
  await check({ mesosUrl: "nowhere", mesosCluster: "c" }, /^Cannot use --mesos-url: "nowhere" is no URL/);
  await check({ mesosUrl: "http://b", mesosClusters: "f" }, /^Cannot use --mesos-clusters beside/);
  await check({ mesosClusters: "/nowhere/at/all" }, /^Cannot use clusters file "\/nowhere\/at\/all": Cannot find/);
  await withFile(
    "- { clusterId: a, url: 'http://b' }\n- { clusterId: a, url: 'http://b' }",
    (path) => check({ mesosClusters: path }, /cluster "a" is in it twice$/),
  );
  await withFile("- { clusterId: a }", (path) => check({ mesosClusters: path }, /: 0\.url: /));
});

test("one cluster by options, and several by a file, each with its own way", async () => {
  const deps = { fs: systemEnv.fs, clock: systemEnv.clock };
  const [one] = await readMesosClusters({ ...plain, mesosUrl: "https://bcs.example/", mesosCluster: "c" }, deps);
  assert.deepEqual([one?.url, one?.storage], ["https://bcs.example", "https://bcs.example/bcsapi/v4/storage"]);
  const file = `
- { clusterId: BCS-MESOS-10001, url: "http://bcs", storage: "http://s:1/bcsstorage/v1/", tokenFile: token }
- { clusterId: BCS-K8S-1, flavor: bcs-k8s, url: "http://bcs" }
- { clusterId: lab, flavor: marathon, url: "http://m:8080" }
`;
  await withFile(file, async (path) => {
    const clusters = await readMesosClusters({ ...plain, mesosClusters: path }, deps);
    assert.equal(clusters[0]?.storage, "http://s:1/bcsstorage/v1");
    assert.equal(await clusters[0].token.current(), "secret");
    const mesos = await open({ mesosClusters: path, orchestrator: "mesos" });
    const names = mesos?.discoveries.map(({ name }) => name);
    assert.deepEqual(names, ["BCS storage BCS-MESOS-10001", "BCS storage BCS-K8S-1"]);
    await mesos?.close();
  });
});
