import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { encodeBlock, type EncodedShape, encodeLayout, encodeTarget } from "../../core/protocol/shape.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { openWal } from "../../exporter/wal/file_wal.ts";
import type { Wal, WalRecord } from "../../exporter/wal/wal.ts";
import { type Benchmark, type Figure, formatMs } from "./benchmark.ts";

const seriesCount = 1000;
const mebibyte = 1024 * 1024;

/** Appends scrapes of 1,000 series to a log on a real disk, reads them back, and starts again from them. */
export const walBenchmark: Benchmark = {
  name: "wal",
  title: `the exporter's log, in ${tmpdir()}: scrapes of ${seriesCount} series`,
  async run(short) {
    // The log's own timers do not keep a process alive, which a server's sockets do.
    const alive = setInterval(() => {}, 1000);
    const folder = await mkdtemp(join(tmpdir(), "bcs-metric-bench-wal-"));
    const options = { dir: join(folder, "wal"), env: systemEnv, log: makeLogger("bench", "silent") };
    try {
      const recordCount = Math.floor((short ? 16 : 512) * mebibyte / (seriesCount * 8));
      const wal = await openWal(options);
      const append = await measure(() => appendAll(wal, recordCount));
      const { bytes } = wal.stats();
      const read = await measure(() => readAll(wal));
      await wal.close();
      const open = await measure(async () => (await openWal(options)).close());
      return figures(recordCount * seriesCount, bytes, append, read, open);
    } finally {
      clearInterval(alive);
      await rm(folder, { recursive: true });
    }
  },
};

interface Cost {
  readonly wallMs: number;
  /** Of this process, user and system. */
  readonly cpuMs: number;
}

function figures(samples: number, bytes: number, append: Cost, read: Cost, open: Cost): Figure[] {
  const perSecond = ({ wallMs }: Cost) => `${(samples / wallMs / 1000).toFixed(1)} million samples/s`;
  const perSample = ({ cpuMs }: Cost) => `${(cpuMs * 1e6 / samples).toFixed(1)} ns of CPU a sample`;
  const rate = ({ wallMs }: Cost) => `${(bytes / mebibyte / wallMs * 1000).toFixed(0)} MiB/s`;
  const rows = [
    ["append and fsync", `${perSecond(append)}, ${perSample(append)}, ${rate(append)}`],
    ["read", `${perSecond(read)}, ${perSample(read)}, ${rate(read)}`],
    ["recovery at the start", `${formatMs(open.wallMs * 1024 * mebibyte / bytes)} for each GiB`],
    ["bytes a sample", (bytes / samples).toFixed(2)],
  ] as const;
  return rows.map(([what, value]) => ({ what, value, goal: "", isMet: true }));
}

async function measure(work: () => Promise<unknown>): Promise<Cost> {
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wallMs: performance.now() - startedMs, cpuMs: (user + system) / 1000 };
}

/** Appends as fast as the log takes records, and returns when the last one is durable. */
async function appendAll(wal: Wal, recordCount: number): Promise<void> {
  const shapes = shapesOf();
  for (const { body } of shapes.all) wal.shapes.add(body);
  const epoch = 1n;
  const origin = { cluster: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop-0", epoch };
  const all = Promise.withResolvers<void>();
  let wake = () => {};
  wal.onDurable((index) => {
    wake();
    if (index === recordCount) all.resolve();
  });
  const bodies = Array.from({ length: 16 }, (_, index) => bodyOf(shapes, index));
  for (let sequence = 1; sequence <= recordCount; sequence++) {
    const record: WalRecord = { kind: "scrapes", origin, sequence, body: bodies[sequence % bodies.length]! };
    wal.append(record);
    while (!wal.accepting()) await new Promise<void>((resolve) => wake = resolve);
  }
  await all.promise;
}

async function readAll(wal: Wal): Promise<void> {
  const reader = wal.reader(null);
  while (await reader.read(mebibyte) !== null);
  await reader.close();
}

interface BenchShapes {
  readonly target: EncodedShape;
  readonly layout: EncodedShape;
  readonly all: readonly EncodedShape[];
}

function shapesOf(): BenchShapes {
  const series = Array.from({ length: seriesCount }, (_, index) => ({
    name: "bench_requests_total",
    labels: [{ name: "path", value: `/${index}` }],
  }));
  const block = encodeBlock({ family: "bench_requests_total", type: "counter", help: "", unit: "" }, series);
  const layout = encodeLayout([block.shape.id]);
  const target = encodeTarget(0, [{ name: "instance", value: "10.0.0.1:9100" }]);
  return { target, layout, all: [target, block, layout] };
}

function bodyOf({ target, layout }: BenchShapes, index: number): Uint8Array {
  const values = Float64Array.from({ length: seriesCount }, (_, at) => at * 17 + index);
  const timestampMs = 1_800_000_000_000 + index;
  const ids = { targetId: target.shape.id, layoutId: layout.shape.id };
  return encodeScrapes([{ ...ids, timestampMs, values, sampleTimesMs: null }]);
}
