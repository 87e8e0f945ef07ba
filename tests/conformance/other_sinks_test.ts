/** The sinks that are no HTTP clients of a Prometheus-like destination, by the suite of all sinks. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "node:test";
import { parseExposition } from "../../core/exposition/parse.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import type { Sink } from "../../exporter/sink.ts";
import { startGseServer } from "../../exporter/sinks/bkdata/server_testing.ts";
import { bkdataType, createBkdataSink } from "../../exporter/sinks/bkdata/sink.ts";
import { envelope, type PushItem } from "../../exporter/sinks/bkmonitor/server_testing.ts";
import { bkmonitorType, createBkmonitorSink } from "../../exporter/sinks/bkmonitor/sink.ts";
import { loadModuleSink } from "../../exporter/sinks/module/sink.ts";
import { createNatsSink, natsType } from "../../exporter/sinks/nats/sink.ts";
import { createPullSink, pullType } from "../../exporter/sinks/pull/sink.ts";
import { createStdoutSink } from "../../exporter/sinks/stdout/sink.ts";
import { NatsProgram } from "../support/nats.ts";
import { needs } from "../support/programs.ts";
import { waitFor } from "../support/wait.ts";
import { startHttpDestination } from "./http_destination.ts";
import { type ReceivedSample, sinkConformance, type Trouble } from "./sink_suite.ts";

const log = makeLogger("test", "silent");
const deps = { env: systemEnv, configDir: "/", variables: { TOKEN: "canary-token" }, log };
const exotic: Readonly<Record<string, number>> = { NaN, "+Inf": Infinity, "-Inf": -Infinity };
const isFinite = ({ value }: ReceivedSample) => Number.isFinite(value);

/** All troubles, for one reason. */
function without(reason: string): Record<Trouble, string> {
  return {
    busy: reason,
    failing: reason,
    refusing: reason,
    unauthorized: reason,
    partial: reason,
    endless: reason,
    hanging: reason,
    slow: reason,
    cutting: reason,
    distrusted: reason,
  };
}

function samplesOfLines(text: string): ReceivedSample[] {
  return text.split("\n").filter((line) => line.startsWith(`{"name"`)).map((line) => {
    const { name, labels, value, timestampMs } = JSON.parse(line) as ReceivedSample & {
      readonly value: number | string;
    };
    return { name, labels, value: typeof value === "string" ? exotic[value] ?? 0 : value, timestampMs };
  });
}

/** BlueKing's sinks carry only what has a dataid. */
function withDataId(sink: Sink): Sink {
  return {
    ...sink,
    deliver: (batch, signal) => {
      const scrapes = batch.scrapes.map((scrape) => ({ ...scrape, target: { ...scrape.target, dataId: 7 } }));
      return sink.deliver({ ...batch, scrapes }, signal);
    },
  };
}

function setter(set: (dead: boolean) => void) {
  return {
    breakDestination: () => Promise.resolve(set(true)),
    mendDestination: () => Promise.resolve(set(false)),
  };
}

sinkConformance("stdout sink", () => {
  let [text, gone] = ["", false];
  const sink = createStdoutSink({
    name: "stdout",
    output: {
      write(bytes) {
        if (gone) return Promise.reject(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
        text += new TextDecoder().decode(bytes);
        return Promise.resolve();
      },
    },
  });
  const received = () => Promise.resolve(samplesOfLines(text));
  return Promise.resolve({ sink, received, ...setter((dead) => gone = dead), close: () => Promise.resolve() });
}, without("a pipe answers nothing; a slow reader is tested beside the sink"));

const moduleSource = `export default (options, context) => ({
  async deliver(batch) {
    const store = globalThis[options.store];
    if (store.dead) throw new Error("dead");
    store.samples.push(...context.samples(batch));
    return { outcome: "delivered", notCarriedRecords: batch.opaque.length };
  },
});`;
let modules = 0;

sinkConformance("module sink", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-module-"));
  const path = join(folder, "sink.mjs");
  await writeFile(path, moduleSource);
  const key = `moduleConformance${modules++}`;
  const store: { dead: boolean; samples: ReceivedSample[] } = { dead: false, samples: [] };
  Object.assign(globalThis, { [key]: store });
  const config = { name: "own", type: "module", path, options: { store: key }, timeoutMs: 10_000 } as const;
  const sink = await loadModuleSink(config, path, { clock: systemEnv.clock, log });
  const plain = ({ name, labels, value, timestampMs }: ReceivedSample) => ({
    name,
    labels: { ...labels },
    value,
    timestampMs,
  });
  return {
    sink,
    received: () => Promise.resolve(store.samples.map(plain)),
    ...setter((dead) => store.dead = dead),
    close: () => rm(folder, { recursive: true }),
  };
}, without("what a module answers is its own affair; it is tested beside the sink"));

sinkConformance(
  "pull sink",
  async () => {
    const config = pullType.schema.parse({ name: "pull", type: "pull", listen: "127.0.0.1:0", lookbackMs: 4e12 });
    const sink = await createPullSink(config, deps);
    const received = async () => {
      const headers = { accept: "text/plain;version=1.0.0;escaping=allow-utf-8" };
      const answer = await fetch(`http://${sink.address}/federate`, { headers });
      const { families } = parseExposition(new Uint8Array(await answer.arrayBuffer()), "prometheus", false);
      return families.flatMap((family) => family.samples).map(({ name, labels, value, timestampMs }) => ({
        name,
        labels: Object.fromEntries(labels.map((label) => [label.name, label.value])),
        value,
        timestampMs: timestampMs ?? 0,
      }));
    };
    // What has ended is no longer there.
    const shows = ({ name }: ReceivedSample) => name !== "stale";
    return { sink, received, shows, ...setter(() => {}), close: () => Promise.resolve() };
  },
  without("it is asked, and asks nobody"),
  { latestOnly: "that is what it is for", neverDead: "its destination is a table in memory" },
);

interface GseRecord {
  readonly "@timestamp": string;
  readonly prometheus: {
    readonly collector: {
      readonly metrics: readonly { key: string; labels: Record<string, string>; value: number }[];
    };
  };
}

sinkConformance("bkdata sink", async () => {
  let server = await startGseServer();
  const { port } = server.address;
  const frames = [...server.frames];
  const config = bkdataType.schema.parse({ name: "gse", type: "bkdata", addresses: [`127.0.0.1:${port}`] });
  const inner = withDataId(await createBkdataSink(config, deps));
  let delivered = 0;
  const sink: Sink = {
    ...inner,
    async deliver(batch, signal) {
      const outcome = await inner.deliver(batch, signal);
      delivered += outcome.outcome === "delivered" ? outcome.samples : 0;
      return outcome;
    },
  };
  const samples = () =>
    [...frames, ...server.frames].filter(({ body }) => body.includes(`"prometheus"`)).flatMap(({ body }) => {
      const { "@timestamp": time, prometheus: { collector } } = JSON.parse(body) as GseRecord;
      const timestampMs = Date.parse(time);
      return collector.metrics.map(({ key: name, labels, value }) => ({ name, labels, value, timestampMs }));
    });
  // Nothing is acknowledged: what was delivered may still be on its way.
  const received = () => waitFor("all samples", 5000, () => samples().length >= delivered ? samples() : null);
  return {
    sink,
    received,
    carries: isFinite,
    async breakDestination() {
      frames.push(...await received().then(() => server.frames));
      await server.close();
      // The end of a connection is seen a moment later; until then a write into it counts.
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async mendDestination() {
      server = await startGseServer(undefined, port);
    },
    close: () => server.close(),
  };
}, without("the pipe answers nothing; certificates, slowness and several addresses are tested beside the sink"));

sinkConformance("bkmonitor sink", async (trouble) => {
  const items: PushItem[] = [];
  const { client, ...destination } = await startHttpDestination(trouble, {
    take({ body }) {
      items.push(...(JSON.parse(new TextDecoder().decode(body)) as { data: PushItem[] }).data);
      return envelope(200);
    },
  });
  const url = "http://127.0.0.1:1/v2/push/";
  const config = bkmonitorType.schema.parse({ name: "bk", type: "bkmonitor", url, accessToken: "env:TOKEN" });
  const sink = withDataId(await createBkmonitorSink(config, deps, () => Promise.resolve(client)));
  const received = () =>
    Promise.resolve(
      items.flatMap(({ metrics, dimension, timestamp }) =>
        Object.entries(metrics).map(([name, value]) => ({ name, labels: dimension, value, timestampMs: timestamp }))
      ),
    );
  return { sink, received, carries: isFinite, ...destination };
}, { partial: "the platform takes a request whole or not at all" });

suite("NATS", needs("nats-server"), () => {
  sinkConformance("nats sink", async () => {
    const server = await NatsProgram.start();
    const options = { servers: [`127.0.0.1:${server.port}`], createStream: true, timeoutMs: 5000 };
    const sink = createNatsSink(natsType.schema.parse({ name: "nats", type: "nats", ...options }), deps);
    return {
      sink,
      received: async () => (await server.messages("METRICS")).flatMap(({ text }) => samplesOfLines(text)),
      breakDestination: () => server.kill(),
      mendDestination: () => server.start(),
      close: () => server.remove(),
    };
  }, without("NATS has no such answers; its own are tested with the real server in tests/integration/"));
});
