import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { plainWorkload } from "../workload.ts";
import { collectorArguments, collectorLogPath, startCollectorProcess } from "./collector_process.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bcs-metric-collector-process-"));
});
afterEach(() => rm(folder, { recursive: true }));

const workload = {
  ...plainWorkload,
  clusterId: "c1",
  namespace: "shop",
  name: "one",
  replicas: 1,
  env: { MetricClusterID: "c1" },
};
const instance = { workload, ordinal: 0, name: "one-0" };

function optionsWith(over: { exporter?: string; env?: Record<string, string | undefined> } = {}) {
  const script = join(folder, "program.ts");
  return { script, volume: "/v", data: folder, frequencyMinSeconds: 5, logLevel: "warn" as const, env: {}, ...over };
}

test("a collector is told its place, its volume and a folder of its own", () => {
  assert.equal(
    collectorArguments(optionsWith({ exporter: "127.0.0.1:7071" }), instance).join(" "),
    "--cluster c1 --namespace shop --name one-0 --config-source file --volume /v --exporter 127.0.0.1:7071 "
      + `--data ${folder}/collectors/c1/shop/one-0 --http 127.0.0.1:0 --frequency-min 5 --log-level warn`,
  );
  assert.ok(!collectorArguments(optionsWith(), instance).includes("--exporter"));
  const { volume: _, ...elsewhere } = { ...optionsWith(), store: "etcd://127.0.0.1:2379" };
  const line = collectorArguments(elsewhere, instance).join(" ");
  assert.ok(line.includes("--store etcd://127.0.0.1:2379") && !line.includes("--volume"));
});

test("a collector gets the service's environment and the workload's, but not the service's configuration file", async () => {
  await writeFile(
    join(folder, "program.ts"),
    `const names = ["PATH", "KEPT", "BCS_METRIC_CONFIG", "MetricClusterID"];
     console.log(JSON.stringify([process.argv[2], ...names.map((name) => process.env[name] ?? null)]));`,
  );
  const env = { PATH: "/bin", KEPT: "1", BCS_METRIC_CONFIG: "service.yaml", MetricClusterID: "other" };
  const child = startCollectorProcess(optionsWith({ env }), instance);
  assert.equal((await child.ended).code, 0);
  const log = await readFile(collectorLogPath(folder, instance), "utf8");
  assert.deepEqual(JSON.parse(log.trim().split("\n").at(-1) ?? ""), ["collector", "/bin", "1", null, "c1"]);
  assert.equal(collectorLogPath(folder, instance), join(folder, "logs/collectors/c1/shop/one-0.log"));
});
