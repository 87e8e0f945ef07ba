import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../../tests/support/wait.ts";
import { pin, type ProcessUsage } from "../process_usage.ts";
import type { Agent, RunningAgent } from "./agent.ts";
import type { Case } from "./cases.ts";
import type { FarmRequests } from "./farm.ts";
import { Helper } from "./helper.ts";
import { splitCpus } from "./pinned.ts";
import type { SinkCounts, SinkRequests } from "./sink.ts";

/** What one agent did in one case. */
export interface Measurement {
  readonly agent: string;
  readonly case: string;
  readonly cpuUsPerSample: number;
  /** The same for each of its processes. */
  readonly cpuUsPerSampleOf: Readonly<Record<string, number>>;
  /** Of all its processes, at the end. */
  readonly rssBytes: number;
  readonly pssBytes: number;
  /** From collector to exporter; of a peer from it to the sink. */
  readonly wireBytesPerSample: number;
  readonly sinkBytesPerSample: number;
  readonly protocol: string;
  readonly samplesPerSecond: number;
  /** Of the whole run, from its start. */
  readonly scrapedSamples: number;
  readonly deliveredSamples: number;
  /** Of the scraped ones those that the agent took: the others came too late for it. Null when it does not say. */
  readonly takenSamples: number | null;
  /** Whether every target was scraped as often as it has to be while it was measured. */
  readonly missedScrapes: number;
  /** What went wrong at the sink; "" when nothing did. */
  readonly failure: string;
}

/** How long an agent may take until its first scrape. */
const startMs = 30_000;
/** How long what was scraped may take to the sink. */
const deliveryMs = 30_000;
/** Nothing more comes when nothing has come for so long: a Prometheus holds back a part of a request for 5 s. */
const quietMs = 6000;
/** The same when everything has come. */
const completeQuietMs = 1000;

/** Runs one agent against a fresh farm and a fresh sink. */
export async function measure(agent: Agent, of: Case, profileFolder: string | null): Promise<Measurement> {
  const cpus = splitCpus();
  const farm = new Helper<FarmRequests>("./farm.ts");
  const sink = new Helper<SinkRequests>("./sink.ts");
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-bench-peers-"));
  let running: RunningAgent | null = null;
  try {
    if (cpus !== null) { for (const { pid } of [farm, sink]) pin(pid, cpus.rest); }
    const targetPorts = await farm.call("start", of);
    const sinkUrl = `http://127.0.0.1:${await sink.call("start")}/api/v1/write`;
    running = await agent.start({ of, targetPorts, sinkUrl, folder, cpus: cpus?.agent ?? null, profileFolder });
    // Prometheus takes five seconds until it begins.
    await waitFor("the first scrape", startMs, async () => (await farm.call("read")).scrapes > 0 || null);
    await delay(of.warmUpSeconds * 1000);
    const before = await take(running, farm, sink);
    await delay(of.measuredSeconds * 1000);
    const after = await take(running, farm, sink);
    await farm.call("refuse");
    const delivered = await settle(farm, sink, of.seriesPerTarget);
    const { scrapes } = await farm.call("read");
    const takenSamples = await running.takenSamples();
    return measurementOf(agent.name, of, before, after, { scrapes, delivered, takenSamples });
  } finally {
    await running?.stop();
    await Promise.all([farm.stop(), sink.stop()]);
    await rm(folder, { recursive: true, force: true });
  }
}

interface Moment {
  readonly atMs: number;
  readonly scrapes: number;
  readonly innerBytes: number | null;
  readonly sink: SinkCounts;
  readonly usage: Readonly<Record<string, ProcessUsage>>;
}

async function take(agent: RunningAgent, farm: Helper<FarmRequests>, sink: Helper<SinkRequests>): Promise<Moment> {
  const innerBytes = await agent.innerBytes();
  const [{ scrapes }, counts] = await Promise.all([farm.call("read"), sink.call("read")]);
  return { atMs: performance.now(), innerBytes, scrapes, sink: counts, usage: agent.usage() };
}

/** Waits until nothing more comes. */
async function settle(
  farm: Helper<FarmRequests>,
  sink: Helper<SinkRequests>,
  seriesPerTarget: number,
): Promise<SinkCounts> {
  const deadline = performance.now() + deliveryMs;
  let [last, lastMs] = [await sink.call("read"), performance.now()];
  while (performance.now() < deadline) {
    const { scrapes } = await farm.call("read");
    const isComplete = last.samples >= scrapes * seriesPerTarget;
    if (performance.now() > lastMs + (isComplete ? completeQuietMs : quietMs)) break;
    await delay(200);
    const now = await sink.call("read");
    if (now.samples > last.samples) lastMs = performance.now();
    last = now;
  }
  return last;
}

/** Of a whole run. */
interface End {
  readonly scrapes: number;
  readonly delivered: SinkCounts;
  readonly takenSamples: number | null;
}

function measurementOf(
  agent: string,
  of: Case,
  before: Moment,
  after: Moment,
  { scrapes, delivered, takenSamples }: End,
): Measurement {
  const scraped = (after.scrapes - before.scrapes) * of.seriesPerTarget;
  const arrived = after.sink.samples - before.sink.samples;
  const seconds = (after.atMs - before.atMs) / 1000;
  const processes = Object.entries(after.usage).map(([name, usage]) => {
    const cpuMs = usage.cpuMs - (before.usage[name]?.cpuMs ?? NaN);
    return { name, usage, cpuUsPerSample: cpuMs * 1000 / scraped };
  });
  const sum = (value: (one: typeof processes[number]) => number) =>
    processes.reduce((total, one) => total + value(one), 0);
  const sinkBytesPerSample = (after.sink.bodyBytes - before.sink.bodyBytes) / arrived;
  const inner = after.innerBytes === null || before.innerBytes === null ? null : after.innerBytes - before.innerBytes;
  return {
    agent,
    case: of.name,
    cpuUsPerSample: sum((one) => one.cpuUsPerSample),
    cpuUsPerSampleOf: Object.fromEntries(processes.map((one) => [one.name, one.cpuUsPerSample])),
    rssBytes: sum(({ usage }) => usage.rssBytes),
    pssBytes: sum(({ usage }) => usage.pssBytes),
    wireBytesPerSample: inner === null ? sinkBytesPerSample : inner / scraped,
    sinkBytesPerSample,
    protocol: delivered.protocol,
    samplesPerSecond: scraped / seconds,
    scrapedSamples: scrapes * of.seriesPerTarget,
    deliveredSamples: delivered.samples,
    takenSamples,
    missedScrapes: Math.max(
      0,
      Math.round(of.targets * seconds / of.frequencySeconds) - (after.scrapes - before.scrapes),
    ),
    failure: delivered.failure,
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
