import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeArguments } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import type { Store } from "../../core/store/store.ts";
import { freePorts, startCommand } from "./programs.ts";

/** One service, its collectors and one exporter as real processes over a volume in a temporary folder, or an etcd. */
export interface SmallSystem {
  readonly folder: string;
  readonly volume: string;
  readonly serviceUrl: string;
  readonly exporterUrl: string;
  /** `host:port` of its frames. */
  readonly exporterAddress: string;
  /** Folder of the file sink. */
  readonly exported: string;
  /** Writes a YAML document to its place in the store. */
  writeDocument(path: string, text: string): Promise<void>;
  /** Kills the exporter with SIGKILL and starts it again on the same data. */
  killAndRestartExporter(downMs: number): Promise<void>;
  /** Stops all processes and removes the folder. */
  stop(): Promise<void>;
}

const graceMs = 10_000;

export interface SmallSystemOptions {
  /** The exporter's, as in exporter.yaml; a file sink named `file` writes to `exported`. */
  readonly sinks?: string;
  /** An etcd to be used in place of the volume. */
  readonly etcd?: { readonly url: string; readonly store: Store };
  /** More options of the service, which its collectors share. */
  readonly service?: Parameters<typeof writeArguments>[0];
}

export async function startSmallSystem(options: SmallSystemOptions): Promise<SmallSystem> {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-system-"));
  const volume = join(folder, "volume");
  const port = await freePorts(3);
  await mkdir(volume);
  await writeFile(join(folder, "exporter.yaml"), `sinks:\n  - {name: file, type: file}\n${options.sinks ?? ""}`);
  const place = options.etcd === undefined ? { volume } : { store: options.etcd.url };
  const startExporter = () =>
    start("exporter", {
      data: join(folder, "exporter"),
      config: join(folder, "exporter.yaml"),
      name: "exporter-0",
      listen: `127.0.0.1:${port + 1}`,
      http: `127.0.0.1:${port + 2}`,
      ...place,
    });
  const start = (name: string, values: Parameters<typeof writeArguments>[0]) =>
    startCommand([name, ...writeArguments(values)], join(folder, `${name}.log`));
  let exporter: Child = startExporter();
  const service = start("service", {
    ...place,
    data: folder,
    listen: `127.0.0.1:${port}`,
    frequencyMin: 1,
    ...options.service,
  });
  return {
    folder,
    volume,
    serviceUrl: `http://127.0.0.1:${port}`,
    exporterAddress: `127.0.0.1:${port + 1}`,
    exporterUrl: `http://127.0.0.1:${port + 2}`,
    exported: join(folder, "exporter", "export"),
    async writeDocument(path, text) {
      if (options.etcd !== undefined) {
        await options.etcd.store.put(path, text);
        return;
      }
      await mkdir(dirname(join(volume, path)), { recursive: true });
      await writeFile(join(volume, path), text);
    },
    async killAndRestartExporter(downMs) {
      process.kill(exporter.pid, "SIGKILL");
      await exporter.ended;
      await new Promise((resolve) => setTimeout(resolve, downMs));
      exporter = startExporter();
    },
    async stop() {
      await service.stop(graceMs);
      await exporter.stop(graceMs);
      await rm(folder, { recursive: true });
    },
  };
}

/** A Metric that scrapes every second what the Application of the same name lists. */
export function metricYaml(name: string, spec = ""): string {
  return `apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: TEST, namespace: shop, name: ${name} }
spec:
  version: "1"
  selector: { app: ${name} }
  port: web
  uri: /metrics
  frequency: 1
  timeout: 1
${spec}`;
}

/** An Application with one instance for each port on 127.0.0.1. */
export function applicationYaml(name: string, ports: readonly number[]): string {
  const instances = ports.map((port, index) =>
    `    - { name: ${name}-${index}, ip: 127.0.0.1, ports: [{ name: web, port: ${port} }] }\n`
  );
  return `apiVersion: bcs-metric/v1
kind: Application
metadata: { clusterId: TEST, namespace: shop, name: ${name} }
spec:
  labels: { app: ${name} }
  instances:
${instances.join("")}`;
}

/** A collector workload for the namespace with so many replicas. */
export function collectorYaml(replicas: number): string {
  return `apiVersion: bcs-metric/v1
kind: Collector
metadata: { clusterId: TEST, namespace: shop, name: bcs-collector-shop }
spec: { replicas: ${replicas} }
`;
}
