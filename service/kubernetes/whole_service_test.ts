import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ServiceFolder } from "../testing/service_process.ts";
import { KubeApiServer } from "./testing/api_server.ts";
import { textAt } from "./testing/validate.ts";

interface TargetRow {
  readonly address: string;
  readonly pod: string;
}

test("a metric makes a StatefulSet and finds its pods; the set outlives the service, and goes with the last metric", async () => {
  const server = await KubeApiServer.start("/tunnels/clusters/abc");
  const folder = await ServiceFolder.make();
  const metric = join(folder.root, "volume", "BCS-K8S-1", "metric", "shop", "cart.yaml");
  const kubeconfig = join(folder.root, "kubeconfig");
  const sets = () => server.store.list("apps/v1/statefulsets", "shop");
  const putPod = (name: string, podIP: string) => {
    const metadata = { namespace: "shop", name, resourceVersion: "", labels: { app: "cart" } };
    const spec = { containers: [{ name: "c", ports: [{ name: "metrics", containerPort: 9100 }] }] };
    server.store.put("v1/pods", { metadata, spec, status: { phase: "Running", podIP } }, { manager: "test" });
  };
  try {
    putPod("cart-0", "127.0.0.9");
    await mkdir(join(metric, ".."), { recursive: true });
    await writeFile(
      kubeconfig,
      JSON.stringify({
        "current-context": "bcs",
        contexts: [{ name: "bcs", context: { cluster: "bcs", user: "me" } }],
        clusters: [{ name: "bcs", cluster: { server: server.url } }],
        users: [{ name: "me", user: { token: "secret" } }],
      }),
    );
    const metadata = { clusterId: "BCS-K8S-1", namespace: "shop", name: "cart" };
    const spec = { version: "1", selector: { app: "cart" }, port: "metrics", uri: "/metrics" };
    await writeFile(metric, JSON.stringify({ apiVersion: "bcs-metric/v1", kind: "Metric", metadata, spec }));
    const options = ["--orchestrator", "kubernetes", "--cluster", "BCS-K8S-1", "--kubeconfig", kubeconfig];
    options.push("--collector-image", "example.test/bcs-metric:1", "--collector-service", "http://127.0.0.1:7070");
    const service = folder.start(options);
    const url = await folder.url();
    const targets = async () => (await (await fetch(`${url}/v1/targets`)).json() as { targets: TargetRow[] }).targets;
    const [target] = await folder.eventually(async () => {
      const found = await targets();
      return found.length === 1 ? found : undefined;
    });
    assert.deepEqual([target?.address, target?.pod], ["127.0.0.9:9100", "cart-0"]);
    const [set] = await folder.eventually(() => Promise.resolve(sets().length === 1 ? sets() : undefined));
    assert.equal(textAt(set?.metadata ?? {}, "name"), "bcs-collector-shop");
    putPod("cart-1", "127.0.0.10");
    await folder.eventually(async () => (await targets()).length === 2 ? true : undefined);
    assert.deepEqual(await service.stop(5000), { code: 0, signal: null, reason: "" });
    assert.deepEqual(sets().map((one) => one.metadata["uid"]), [set?.metadata["uid"]]);
    await rm(metric);
    folder.start(options, "second");
    await folder.eventually(() => Promise.resolve(sets().length === 0 ? true : undefined));
  } finally {
    await folder.remove();
    await server.close();
  }
});
