import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ServiceFolder } from "../testing/service_process.ts";
import { BcsServer } from "./testing/bcs_server.ts";

const clusterId = "BCS-MESOS-10001";

test("a metric makes an application and finds taskgroups; the application goes with the last metric", async () => {
  const server = await BcsServer.start();
  const folder = await ServiceFolder.make();
  const metric = join(folder.root, "volume", clusterId, "metric", "shop", "cart.yaml");
  try {
    const name = `0.cart.shop.10001.1500000000000000000`;
    const container = { labels: { app: "cart" }, networkMode: "HOST" };
    const data = { metadata: { name }, status: "Running", hostIP: "127.0.0.9", containerStatuses: [container] };
    server.put({ _id: "1", namespace: "shop", resourceName: name, resourceType: "taskgroup", data });
    await mkdir(join(metric, ".."), { recursive: true });
    const metadata = { clusterId, namespace: "shop", name: "cart" };
    const spec = { version: "1", clusterType: "mesos", selector: { app: "cart" }, port: 9100, uri: "/metrics" };
    await writeFile(metric, JSON.stringify({ apiVersion: "bcs-metric/v1", kind: "Metric", metadata, spec }));
    const options = ["--orchestrator", "mesos", "--mesos-cluster", clusterId, "--mesos-url", server.host.url];
    options.push("--collector-image", "example.test/bcs-metric:1", "--collector-service", "http://127.0.0.1:7070");
    const service = folder.start(options);
    const url = await folder.url();
    const [target] = await folder.eventually(async () => {
      const { targets } = await (await fetch(`${url}/v1/targets`)).json() as { targets: { address: string }[] };
      return targets.length === 1 ? targets : undefined;
    });
    assert.equal(target?.address, "127.0.0.9:9100");
    const path = "shop/bcs-collector-shop";
    const [first] = await folder.eventually(() => Promise.resolve(server.applications.get(path)?.taskgroups));
    assert.equal(first?.env["BCS_METRIC_ORDINAL_OF"], "instance-0");
    assert.equal(first?.env["MetricClusterID"], clusterId);
    await rm(metric);
    await folder.eventually(() => Promise.resolve(server.applications.has(path) ? undefined : true));
    assert.deepEqual(await service.stop(5000), { code: 0, signal: null, reason: "" });
  } finally {
    await folder.remove();
    await server.close();
  }
});
