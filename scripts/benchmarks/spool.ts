import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixedAddress, openDisk, type Sender, startSender } from "../../collector/send/mod.ts";
import { encodeFrame, FrameType } from "../../core/protocol/frame.ts";
import { FrameReader } from "../../core/protocol/frame_reader.ts";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { encodeWelcome } from "../../core/protocol/session.ts";
import { encodeBlock, type EncodedShape, encodeLayout, encodeTarget } from "../../core/protocol/shape.ts";
import type { Listener } from "../../core/runtime/env.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { formatAddress } from "../../core/runtime/system_net.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import type { Benchmark, Figure } from "./benchmark.ts";

const targetCount = 200;
const seriesCount = 1000;
const intervalMs = 2000;
/** The scheduler's own slot: what falls due in it begins together. */
const slotMs = 50;
const costMaxMicroseconds = 0.2;
const identity = { cluster: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop-0" };
const log = makeLogger("bench", "silent");

/**
 * What the collector's spool on disk costs: the CPU of numbering, holding and sending scrapes with it, less that
 * without it. Then how fast a backlog that an earlier start has left is drained.
 */
export const spoolBenchmark: Benchmark = {
  name: "spool",
  title:
    `the collector's spool, in ${tmpdir()}: ${targetCount} targets of ${seriesCount} series every ${intervalMs} ms`,
  async run(short) {
    const exporter = await startSink();
    const folder = await mkdtemp(join(tmpdir(), "bcs-metric-bench-spool-"));
    try {
      const seconds = short ? 1 : 15;
      await measureSending(exporter, null, 1);
      const without = await measureSending(exporter, null, seconds);
      const disk = await measureSending(exporter, join(folder, "live"), seconds);
      const drained = await measureDraining(exporter, join(folder, "left"), (short ? 16 : 512) * 1024 * 1024);
      return figures(without, disk, drained);
    } finally {
      await exporter.close();
      await rm(folder, { recursive: true });
    }
  },
};

function figures(without: number, disk: number, drained: Drained): Figure[] {
  const cost = disk - without;
  const shown = (microseconds: number) => `${microseconds.toFixed(3)} us of CPU a sample`;
  const { bytes, samples, openMs, drainMs } = drained;
  const mebibytes = bytes / 1024 / 1024;
  const plain = { goal: "", isMet: true };
  return [
    { what: "sending, without a disk", value: shown(without), ...plain },
    { what: "sending, with the disk", value: shown(disk), ...plain },
    {
      what: "the disk alone",
      value: shown(cost),
      goal: `< ${costMaxMicroseconds} us`,
      isMet: cost < costMaxMicroseconds,
    },
    { what: "reading at the start", value: `${(openMs / mebibytes * 1024).toFixed(0)} ms for each GiB`, ...plain },
    {
      what: "draining what was left",
      value: `${(mebibytes / drainMs * 1000).toFixed(0)} MiB/s, ${
        (samples / drainMs / 1000).toFixed(1)
      } million samples/s`,
      ...plain,
    },
  ];
}

/** An exporter that takes everything and keeps nothing. */
function startSink(): Promise<Listener> {
  return systemEnv.net.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    const reader = new FrameReader();
    const send = (type: number, id: bigint, body = new Uint8Array(0)) =>
      connection.write(encodeFrame({ type, id, timestampNs: 0n, body }));
    return {
      data(bytes) {
        let last = 0n;
        reader.push(bytes, ({ type, id }) => {
          if (type === FrameType.hello) {
            send(FrameType.welcome, 0n, encodeWelcome({ windowBytes: 8 * 1024 * 1024, exporter: "sink" }));
          } else if (type === FrameType.scrapes) last = id;
        });
        if (last > 0n) send(FrameType.ack, last);
      },
      close() {},
    };
  });
}

/** Microseconds of CPU a sample, of this process. */
async function measureSending(exporter: Listener, folder: string | null, seconds: number): Promise<number> {
  const sender = await open(folder, 1n, formatAddress(exporter.address));
  const workload = makeWorkload();
  for (const push of workload) push(sender);
  await sender.flush(60_000);
  const perSlot = targetCount * slotMs / intervalMs;
  const slots = Math.ceil(seconds * 1000 / slotMs);
  const before = process.cpuUsage();
  for (let slot = 0; slot < slots; slot++) {
    for (let index = 0; index < perSlot; index++) workload[(slot * perSlot + index) % targetCount]?.(sender);
    await new Promise((resolve) => setTimeout(resolve, slotMs));
  }
  await sender.flush(60_000);
  const { user, system } = process.cpuUsage(before);
  await sender.close();
  return (user + system) / (slots * perSlot * seriesCount);
}

interface Drained {
  readonly bytes: number;
  readonly samples: number;
  readonly openMs: number;
  readonly drainMs: number;
}

/** Fills a spool of so many bytes while nobody takes anything, and sends it with the next start. */
async function measureDraining(exporter: Listener, folder: string, bytes: number): Promise<Drained> {
  const before = await open(folder, 1n, null);
  const workload = makeWorkload();
  const records = Math.ceil(bytes / (seriesCount * 8));
  for (let index = 0; index < records; index++) {
    workload[index % targetCount]?.(before);
    // What the disk has not taken yet must stay within the memory of the spool.
    if (index % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 15));
  }
  await before.close();
  const openedMs = performance.now();
  const sender = await open(folder, 2n, formatAddress(exporter.address));
  const beganMs = performance.now();
  await sender.flush(600_000);
  const drainMs = performance.now() - beganMs;
  const samples = sender.stats().acknowledgedSamples;
  await sender.close();
  return { bytes: samples * 8, samples, openMs: beganMs - openedMs, drainMs };
}

async function open(folder: string | null, epoch: bigint, address: string | null): Promise<Sender> {
  const disk = folder === null ? null : await openDisk(systemEnv.fs, folder, 1024 ** 3);
  return startSender({
    identity,
    epoch,
    token: "",
    addresses: address === null ? { subscribe: () => () => {} } : fixedAddress(address),
    env: systemEnv,
    log,
    metrics: new Registry(),
    ...disk === null ? {} : { disk },
  });
}

/** For each target what pushes one scrape of it; all have the same series. */
function makeWorkload(): ((sender: Sender) => void)[] {
  const series = Array.from({ length: seriesCount }, (_, index) => ({
    name: "bench_requests_total",
    labels: [{ name: "path", value: `/${index}` }],
  }));
  const block = encodeBlock({ family: "bench_requests_total", type: "counter", help: "", unit: "" }, series);
  const layout = encodeLayout([block.shape.id]);
  return Array.from({ length: targetCount }, (_, index) => {
    const target = encodeTarget(0, [{ name: "instance", value: `10.0.0.${index}:9100` }]);
    return pusher([target, block, layout], { targetId: target.shape.id, layoutId: layout.shape.id });
  });
}

function pusher(shapes: readonly EncodedShape[], ids: { readonly targetId: string; readonly layoutId: string }) {
  const values = Float64Array.from({ length: seriesCount }, (_, at) => at * 17);
  return (sender: Sender) => {
    const timestampMs = systemEnv.clock.wallMs();
    const body = encodeScrapes([{ ...ids, timestampMs, values, sampleTimesMs: null }]);
    sender.push({ frameType: FrameType.scrapes, id: 0n, body, shapes, samples: seriesCount, timestampMs });
  };
}
