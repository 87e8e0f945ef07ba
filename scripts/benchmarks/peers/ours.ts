import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeCollection } from "../../../core/config/collection.ts";
import { documentPath } from "../../../core/config/key.ts";
import { documentSchemas } from "../../../core/config/schema.ts";
import { writeArguments } from "../../../core/options.ts";
import { childEnvironment } from "../../../core/runtime/child.ts";
import { leanDenoOptions, leanNodeOptions } from "../../../core/runtime/lean.ts";
import { version } from "../../../core/version.ts";
import { freePorts } from "../../../tests/support/programs.ts";
import { waitFor } from "../../../tests/support/wait.ts";
import { readUsage } from "../process_usage.ts";
import { type Agent, type AgentOptions, clusterId, metricName, namespace, type RunningAgent } from "./agent.ts";
import { targetLabels } from "./agent.ts";
import { pathOf, type PinnedProcess, startPinned, versionLine } from "./pinned.ts";

const commandLine = fileURLToPath(new URL("../../../cli/main.ts", import.meta.url));
const collectorName = `bcs-collector-${namespace}-0`;
const startMs = 60_000;

interface Runtime {
  readonly name: "node" | "deno";
  /** Before the script. */
  readonly args: readonly string[];
}

/** A collector with its assignment in a volume, and an exporter that delivers by remote write as it likes best. */
export const ours: readonly Agent[] = [
  agentOn({ name: "node", args: leanNodeOptions }),
  agentOn({ name: "deno", args: ["run", "-A", ...leanDenoOptions] }),
];

function agentOn(runtime: Runtime): Agent {
  return {
    name: runtime.name,
    version() {
      const program = pathOf(runtime.name);
      if (program === null) return null;
      return `bcs-metric ${version}, ${runtime.name} ${versionLine(program, ["--version"], /(\d+\.\d+\.\d+)/)}`;
    },
    start: (options) => start(runtime, options),
  };
}

async function start(runtime: Runtime, options: AgentOptions): Promise<RunningAgent> {
  const { folder, cpus, sinkUrl, of } = options;
  const port = await freePorts(3);
  const [frames, exporterHttp, collectorHttp] = [0, 1, 2].map((index) => `127.0.0.1:${port + index}`);
  const volume = join(folder, "volume");
  await writeAssignment(volume, options);
  const config = join(folder, "exporter.yaml");
  await writeFile(config, `sinks:\n  - {name: sink, type: remote_write, url: "${sinkUrl}"}\n`);
  // What Node keeps of a first start is there from the second on, as it is for whoever runs it for long.
  for (const part of ["exporter", "collector"]) {
    const env = { ...process.env, ...childEnvironment };
    spawnSync(runtime.name, [...runtime.args, commandLine, part, "--help"], { env, stdio: "ignore" });
  }
  const run = (part: string, values: Parameters<typeof writeArguments>[0]) => {
    const args = [...runtime.args, ...profileArgs(runtime, part, options), commandLine, part];
    const line = [...args, ...writeArguments(values)];
    return startPinned(cpus, runtime.name, line, join(folder, `${part}.log`), childEnvironment);
  };
  const exporter = run("exporter", {
    data: join(folder, "exporter"),
    config,
    name: "exporter-0",
    listen: frames,
    http: exporterHttp,
  });
  const processes: Readonly<Record<string, PinnedProcess>> = {
    exporter,
    collector: run("collector", {
      cluster: clusterId,
      namespace,
      name: collectorName,
      volume,
      exporter: frames,
      data: join(folder, "collector"),
      http: collectorHttp,
      frequencyMin: Math.min(of.frequencySeconds, 60),
    }),
  };
  const stop = async () => {
    // The exporter last: it takes what the collector still has.
    await processes["collector"]?.stop();
    await exporter.stop();
  };
  try {
    await waitFor("exporter and collector", startMs, async () => {
      const answers = await Promise.all([exporterHttp, collectorHttp].map((at) => fetch(`http://${at}/readyz`)));
      return answers.every(({ ok }) => ok) || null;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    usage: () => Object.fromEntries(Object.entries(processes).map(([name, { pid }]) => [name, readUsage(pid)])),
    innerBytes: () => readCounter(`${exporterHttp}`, "bcs_metric_exporter_received_bytes_total"),
    takenSamples: () => readCounter(`${collectorHttp}`, "bcs_metric_collector_scraped_samples_total"),
    stop,
  };
}

async function readCounter(address: string, name: string): Promise<number> {
  const text = await (await fetch(`http://${address}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(text)?.[1] ?? NaN);
}

function profileArgs({ name }: Runtime, part: string, { profileFolder }: AgentOptions): string[] {
  if (profileFolder === null || name !== "node") return [];
  return ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${part}.cpuprofile`];
}

async function writeAssignment(volume: string, { of, targetPorts }: AgentOptions): Promise<void> {
  const metadata = { clusterId, namespace, name: collectorName };
  const metric = {
    name: metricName,
    version: "1",
    uri: "/metrics",
    frequency: of.frequencySeconds,
    timeout: of.frequencySeconds,
    targets: targetPorts.map((port, index) => ({ address: `127.0.0.1:${port}`, pod: targetLabels(index).pod })),
  };
  const document = documentSchemas.Collection.parse({
    apiVersion: "bcs-metric/v1",
    kind: "Collection",
    metadata,
    spec: { generation: 1, digest: "", metrics: [metric] },
  });
  const path = join(volume, documentPath({ ...metadata, kind: "Collection" }));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, writeCollection(document));
}
