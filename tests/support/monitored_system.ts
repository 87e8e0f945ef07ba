import { mkdir, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { writeArguments } from "../../core/options.ts";
import { makeCa } from "../../core/runtime/testing/certificates.ts";
import { freePorts, getJson, startCommand } from "./programs.ts";
import { applicationYaml, collectorYaml, metricYaml, startSmallSystem } from "./small_system.ts";
import { waitFor } from "./wait.ts";

/** A page of metrics of one process. */
export interface MetricsPage {
  readonly part: "service" | "collector" | "exporter";
  /** `host:port`. */
  readonly address: string;
  readonly secure: boolean;
}

/**
 * A small system that scrapes its own service, and beside it an exporter and a collector with certificates: together
 * they have every metric that there is.
 */
export interface MonitoredSystem {
  readonly folder: string;
  readonly pages: readonly MetricsPage[];
  /** PEM file of the CA whose certificates the secure pages show. */
  readonly caPath: string;
  read(page: MetricsPage): Promise<string>;
  stop(): Promise<void>;
}

const name = "bcs-collector-shop-0";

export async function startMonitoredSystem(): Promise<MonitoredSystem> {
  const system = await startSmallSystem({});
  const servicePort = Number(new URL(system.serviceUrl).port);
  await system.writeDocument("TEST/metric/shop/own.yaml", metricYaml("own"));
  await system.writeDocument("TEST/application/shop/own.yaml", applicationYaml("own", [servicePort]));
  await system.writeDocument("TEST/collector/shop/bcs-collector-shop.yaml", collectorYaml(1));
  const ca = makeCa();
  const secured = await startSecured(system.folder, ca);
  const stop = async () => {
    await secured.stop();
    await system.stop();
  };
  try {
    const address = await waitFor("the collector's metrics", 30_000, () => metricsAddress(system.serviceUrl));
    const pages: MetricsPage[] = [
      { part: "service", address: `127.0.0.1:${servicePort}`, secure: false },
      { part: "collector", address, secure: false },
      { part: "exporter", address: new URL(system.exporterUrl).host, secure: false },
      ...secured.pages,
    ];
    const read = (page: MetricsPage) => readPage(page, ca.cert);
    for (const page of pages) await waitFor(`metrics of the ${page.part}`, 20_000, () => read(page));
    await waitFor("a delivered record", 20_000, async () => {
      const page = await (await fetch(`${system.exporterUrl}/metrics`)).text();
      return /settled_records_total\{.*outcome="delivered".*\} [1-9]/.test(page) ? true : null;
    });
    return { folder: system.folder, pages, caPath: secured.caPath, read, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** An exporter and a collector that sends to it, both with certificates, known to nobody else. */
async function startSecured(folder: string, ca: ReturnType<typeof makeCa>) {
  const port = await freePorts(3);
  const file = (base: string) => join(folder, `secured-${base}`);
  const own = ca.issue({ ips: ["127.0.0.1"] });
  const client = ca.issue({ uris: ["bcs-metric://TEST/secured"], client: true });
  const files = { "ca.pem": ca.cert, "own.pem": own.cert, "own.key": own.key, "client.pem": client.cert };
  for (const [base, pem] of Object.entries({ ...files, "client.key": client.key })) await writeFile(file(base), pem);
  const run = (part: string, values: Parameters<typeof writeArguments>[0]) =>
    startCommand([part, ...writeArguments(values)], file(`${part}.log`));
  const exporter = run("exporter", {
    data: file("exporter"),
    listen: `127.0.0.1:${port}`,
    http: `127.0.0.1:${port + 1}`,
    tlsCert: file("own.pem"),
    tlsKey: file("own.key"),
    tlsClientCa: file("ca.pem"),
  });
  await mkdir(file("volume"));
  const collector = run("collector", {
    cluster: "TEST",
    namespace: "secured",
    name,
    volume: file("volume"),
    data: file("collector"),
    http: `127.0.0.1:${port + 2}`,
    exporter: `127.0.0.1:${port}`,
    exporterCa: file("ca.pem"),
    exporterCert: file("client.pem"),
    exporterKey: file("client.key"),
  });
  const pages: readonly MetricsPage[] = [
    { part: "exporter", address: `127.0.0.1:${port + 1}`, secure: true },
    { part: "collector", address: `127.0.0.1:${port + 2}`, secure: false },
  ];
  return {
    pages,
    caPath: file("ca.pem"),
    async stop() {
      await collector.stop(10_000);
      await exporter.stop(10_000);
    },
  };
}

async function metricsAddress(serviceUrl: string): Promise<string | null> {
  const found = /"metricsAddress":"([^"]+)"/.exec(JSON.stringify(await getJson(`${serviceUrl}/v1/collectors`)));
  return found?.[1] ?? null;
}

async function readPage({ address, secure }: MetricsPage, ca: string): Promise<string> {
  if (!secure) return await (await fetch(`http://${address}/metrics`)).text();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  request(`https://${address}/metrics`, { ca, agent: false }, (answer) => {
    let text = "";
    answer.setEncoding("utf8");
    answer.on("data", (piece: string) => text += piece);
    answer.on("end", () => resolve(text));
    answer.on("error", reject);
  }).on("error", reject).end();
  return await promise;
}
