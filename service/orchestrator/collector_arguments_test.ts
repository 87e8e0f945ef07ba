import assert from "node:assert/strict";
import { test } from "node:test";
import {
  collectorArguments,
  collectorEnvironment,
  collectorImage,
  type CollectorLaunch,
} from "./collector_arguments.ts";
import { plainWorkload, type Workload } from "./workload.ts";

const launch: CollectorLaunch = {
  image: "example.test/bcs-metric:1",
  services: ["http://one:7070", "http://two:7070"],
  token: "file:/run/secrets/token",
  data: "/data",
  http: "0.0.0.0:7073",
  frequencyMinSeconds: 15,
  logLevel: "info",
  env: { A: "operator", B: "operator" },
};
const workload: Workload = { clusterId: "c1", namespace: "shop", name: "own", replicas: 2, ...plainWorkload };

test("a collector is told who it is, and where its assignment comes from", () => {
  const [command, ...args] = collectorArguments({ ...launch, exporter: "exporter:7071" }, workload, "own-1");
  assert.equal(command, "collector");
  const pairs = args.flatMap((arg, index) => index % 2 === 0 ? [[arg, args[index + 1]]] : []);
  assert.deepEqual(Object.fromEntries(pairs), {
    "--cluster": "c1",
    "--namespace": "shop",
    "--name": "own-1",
    "--config-source": "http",
    "--service": "http://one:7070,http://two:7070",
    "--exporter": "exporter:7071",
    "--token": "file:/run/secrets/token",
    "--data": "/data",
    "--http": "0.0.0.0:7073",
    "--frequency-min": "15",
    "--log-level": "info",
  });
});

test("what nobody asked for is left out", () => {
  const args = collectorArguments({ ...launch, token: "" }, workload, "own-0");
  assert.deepEqual(args.filter((arg) => ["--token", "--exporter"].includes(arg)), []);
});

test("the workload's environment and image come before the operator's", () => {
  const own = { ...workload, image: "other:2", env: { B: "workload" } };
  assert.deepEqual(collectorEnvironment(launch, own), { A: "operator", B: "workload" });
  assert.deepEqual([collectorImage(launch, own), collectorImage(launch, workload)], ["other:2", launch.image]);
});
