import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { writeArguments } from "../../core/options.ts";
import type { Child } from "../../core/runtime/child.ts";
import type { Listener } from "../../core/runtime/env.ts";
import { serveHttp } from "../../core/runtime/http.ts";
import { freePorts, startCommand } from "../../tests/support/programs.ts";
import { waitFor } from "../../tests/support/wait.ts";
import type { Benchmark, Figure } from "./benchmark.ts";
import { LoadCollector } from "./load_collector.ts";
import { pin, type ProcessUsage, readUsage } from "./process_usage.ts";
import { makeWorkload } from "./workload.ts";

const collectorCount = 4;
const targetsPerCollector = 50;
const seriesCount = 1000;
const goalPerSecond = 2_000_000;
/** Of all collectors, while it is delivered. */
const pacePerSecond = 1_000_000;
const mebibyte = 1024 * 1024;

/**
 * Collectors send to an exporter, a process of its own pinned to one core. First the destination of its only sink is
 * away, and they send as fast as it acknowledges: that is ingest alone. Then the destination takes everything by remote
 * write 2.0, and they send at a pace.
 */
export const ingestBenchmark: Benchmark = {
  name: "ingest",
  title: `an exporter on one core, ${collectorCount} collectors that send scrapes of ${seriesCount} series`,
  async run(short) {
    const figures: Figure[] = [];
    for (const isDelivering of [false, true]) figures.push(...await measure(isDelivering, short));
    return figures;
  },
};

async function measure(isDelivering: boolean, short: boolean): Promise<Figure[]> {
  const destination = await serveDestination(isDelivering);
  const system = await startExporter(`http://127.0.0.1:${destination.address.port}/api/v1/write`);
  const collectors: LoadCollector[] = [];
  try {
    const isPinned = pin(system.exporter.pid, "0") && pin(process.pid, "1");
    const pace = isDelivering ? pacePerSecond / collectorCount : Infinity;
    const workload = makeWorkload(targetsPerCollector, seriesCount, true);
    for (let ordinal = 0; ordinal < collectorCount; ordinal++) {
      collectors.push(new LoadCollector(system.address, ordinal, workload, seriesCount, pace));
    }
    const failed = Promise.race(collectors.map((collector) => collector.failed));
    // Until it is raced, a failure is nobody's.
    failed.catch(() => {});
    await Promise.race([failed, delay(short ? 500 : 3000)]);
    const before = take(system, collectors);
    await Promise.race([failed, delay(short ? 1000 : 12_000)]);
    const after = take(system, collectors);
    return figuresOf(isDelivering, before, after, await system.deliveredSamples(), isPinned);
  } finally {
    for (const collector of collectors) collector.stop();
    pin(process.pid, `0-${cpus().length - 1}`);
    await system.stop();
    await destination.close();
  }
}

interface Moment {
  readonly atMs: number;
  readonly usage: ProcessUsage;
  readonly samples: number;
  readonly records: number;
}

function take({ exporter }: RunningExporter, collectors: readonly LoadCollector[]): Moment {
  const sum = (of: (collector: LoadCollector) => number) =>
    collectors.reduce((total, collector) => total + of(collector), 0);
  return {
    atMs: performance.now(),
    usage: readUsage(exporter.pid),
    samples: sum((collector) => collector.acknowledgedSamples),
    records: sum((collector) => collector.acknowledgedRecords),
  };
}

function figuresOf(
  isDelivering: boolean,
  before: Moment,
  after: Moment,
  delivered: number,
  isPinned: boolean,
): Figure[] {
  const samples = after.samples - before.samples;
  const wallMs = after.atMs - before.atMs;
  const cpuMs = after.usage.cpuMs - before.usage.cpuMs;
  const perSecond = samples * 1000 / wallMs;
  const name = isDelivering ? "with remote write" : "ingest alone";
  const core = isPinned ? "" : " (not pinned: there is no taskset)";
  const rows = [
    [`${name}: CPU`, `${(cpuMs * 1000 / samples).toFixed(3)} us a sample, ${percent(cpuMs / wallMs)} of a core${core}`],
    [`${name}: records`, `${after.records - before.records}`],
    [`${name}: memory`, `RSS ${mib(after.usage.rssBytes)}, PSS ${mib(after.usage.pssBytes)}`],
    ...isDelivering ? [[`${name}: delivered`, `${percent(delivered / after.samples)} of what was acknowledged`]] : [],
  ] as const;
  return [
    {
      what: `${name}: acknowledged`,
      value: `${(perSecond / 1e6).toFixed(2)} million samples/s`,
      goal: isDelivering ? "" : `>= ${goalPerSecond / 1e6} million`,
      isMet: isDelivering || perSecond >= goalPerSecond,
    },
    ...rows.map(([what, value]) => ({ what: what ?? "", value: value ?? "", goal: "", isMet: true })),
  ];
}

interface RunningExporter {
  readonly exporter: Child;
  readonly address: { readonly host: string; readonly port: number };
  deliveredSamples(): Promise<number>;
  stop(): Promise<void>;
}

async function startExporter(url: string): Promise<RunningExporter> {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-bench-ingest-"));
  const port = await freePorts(2);
  const config = join(folder, "exporter.yaml");
  await writeFile(config, `sinks:\n  - {name: long-term, type: remote_write, url: "${url}"}\n`);
  const log = join(folder, "exporter.log");
  const values = {
    data: join(folder, "data"),
    config,
    name: "exporter-0",
    listen: `127.0.0.1:${port}`,
    http: `127.0.0.1:${port + 1}`,
  };
  const exporter = startCommand(["exporter", ...writeArguments(values)], log);
  const http = `http://127.0.0.1:${port + 1}`;
  async function stop(): Promise<void> {
    await exporter.stop(10_000);
    await rm(folder, { recursive: true, force: true });
  }
  try {
    await waitFor("the exporter", 20_000, async () => (await fetch(`${http}/readyz`)).ok || null);
  } catch (error) {
    const said = await readFile(log, "utf8");
    await stop();
    throw new Error(`Cannot start the exporter, which says: ${said}`, { cause: error });
  }
  return {
    exporter,
    address: { host: "127.0.0.1", port },
    async deliveredSamples() {
      const text = await (await fetch(`${http}/metrics`)).text();
      return Number(/^bcs_metric_exporter_sink_delivered_samples_total\{.*\} (\S+)$/m.exec(text)?.[1] ?? NaN);
    },
    stop,
  };
}

/** Takes whatever it is sent without a look at it, or is away. */
function serveDestination(isThere: boolean): Promise<Listener> {
  return serveHttp({ host: "127.0.0.1", port: 0 }, async (request) => {
    await request.arrayBuffer();
    if (!isThere) return new Response("away", { status: 503 });
    // The sink takes the lesser of this and what it has sent.
    return new Response(null, { status: 204, headers: { "x-prometheus-remote-write-samples-written": "1000000000" } });
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function mib(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(0)} MiB`;
}
