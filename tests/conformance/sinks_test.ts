import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { uncompressSync } from "snappy";
import { ByteWriter } from "../../core/protocol/bytes.ts";
import type { FileSystem } from "../../core/runtime/env.ts";
import { FileSystemError } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { createFileSink } from "../../exporter/sinks/file_sink.ts";
import { type DecodedMetric, decodeExportRequest } from "../../exporter/sinks/otlp/decode_testing.ts";
import { createOtlpSink } from "../../exporter/sinks/otlp/sink.ts";
import { decodeRequest2 } from "../../exporter/sinks/remote_write/decode_2_testing.ts";
import { type DecodedSeries, decodeWriteRequest } from "../../exporter/sinks/remote_write/decode_testing.ts";
import { createRemoteWriteSink } from "../../exporter/sinks/remote_write/sink.ts";
import { type DestinationAnswer, type ReceivedBody, startHttpDestination } from "./http_destination.ts";
import { type ReceivedSample, sinkConformance, type Trouble } from "./sink_suite.ts";

/** For destinations that are written to and answer nothing. */
const noAnswers: Readonly<Record<Trouble, string>> = {
  busy: "nobody asks for patience",
  failing: "its only error is the one of a dead destination",
  refusing: "takes everything",
  unauthorized: "asks for no credentials",
  partial: "takes everything",
  endless: "answers nothing",
  hanging: "answers nothing",
  slow: "answers nothing",
  cutting: "a write that fails half-way is the dead destination of this suite",
  distrusted: "has no certificate",
};

sinkConformance("file sink", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-sink-"));
  const directory = join(folder, "export");
  const disk = { full: false };
  const sink = createFileSink({ name: "file", directory, fs: diskThatFills(systemEnv.fs, disk) });
  return {
    sink,
    received: () => readSamples(directory),
    breakDestination() {
      disk.full = true;
      return Promise.resolve();
    },
    mendDestination() {
      disk.full = false;
      return Promise.resolve();
    },
    close: () => rm(folder, { recursive: true }),
  };
}, noAnswers);

for (const protocol of ["1.0", "2.0"] as const) {
  sinkConformance(`remote write ${protocol} sink`, async (trouble) => {
    const requests: DecodedSeries[][] = [];
    const decode = protocol === "1.0" ? decodeWriteRequest : decodeRequest2;
    const take = (body: Uint8Array, count: (series: readonly DecodedSeries[]) => number): DestinationAnswer => {
      const series = decode(uncompressSync(Buffer.from(body)) as Buffer);
      const taken = count(series);
      requests.push(series.slice(0, taken));
      const headers = { "x-prometheus-remote-write-samples-written": String(taken) };
      return { status: taken === series.length ? 204 : 400, body: "one is wrong", headers };
    };
    const destination = await startHttpDestination(trouble, {
      take: ({ body }) => take(body, (series) => series.length),
      takePart: ({ body }) => take(body, (series) => series.length - 1),
    });
    const log = makeLogger("test", "silent");
    const { client, ...rest } = destination;
    const sink = createRemoteWriteSink({ name: "prometheus", client, protocol, clock: systemEnv.clock, log });
    return { sink, received: () => Promise.resolve(requests.flatMap(samplesOf)), ...rest };
  }, protocol === "1.0" ? { partial: "remote write 1.0 does not tell what was taken of a refused request" } : {});
}

function samplesOf(series: readonly DecodedSeries[]): ReceivedSample[] {
  return series.flatMap(({ labels, samples }) => {
    const { __name__: name = "", ...others } = Object.fromEntries(labels) as Record<string, string>;
    return samples.map(({ value, timestampMs }) => ({ name, labels: others, value, timestampMs }));
  });
}

sinkConformance("OTLP sink", async (trouble) => {
  const metrics: DecodedMetric[] = [];
  const decode = ({ body }: ReceivedBody) => decodeExportRequest(gunzipSync(body));
  const { client, ...destination } = await startHttpDestination(trouble, {
    take(request) {
      metrics.push(...decode(request));
      return { status: 200 };
    },
    takePart(request) {
      metrics.push(...decode(request));
      const partial = new ByteWriter().u8(0x08).varint(1).u8(0x12).text("one is wrong");
      return { status: 200, body: new ByteWriter().u8(0x0a).varint(partial.length).raw(partial.view()).finish() };
    },
  });
  const sink = createOtlpSink({ name: "otlp", client, clock: systemEnv.clock, log: makeLogger("test", "silent") });
  return { sink, received: () => Promise.resolve(metrics.flatMap(pointsOf)), ...destination };
});

function pointsOf({ name, resource, points }: DecodedMetric): ReceivedSample[] {
  const { "service.name": job = "", "service.instance.id": instance = "" } = resource;
  return points.map(({ attributes, value, timeNanos }) => {
    const labels = Object.entries({ instance, job, ...attributes }).toSorted(([a], [b]) => a < b ? -1 : 1);
    return { name, labels: Object.fromEntries(labels), value, timestampMs: Number(timeNanos / 1_000_000n) };
  });
}

const exotic: Readonly<Record<string, number>> = { NaN: NaN, "+Inf": Infinity, "-Inf": -Infinity };

async function readSamples(directory: string): Promise<ReceivedSample[]> {
  const names = (await readdir(directory).catch((): string[] => [])).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
  return texts.join("").split("\n").filter((line) => line !== "").map((line) => {
    const sample = JSON.parse(line) as Omit<ReceivedSample, "value"> & { readonly value: number | string };
    const { name, labels, timestampMs, value } = sample;
    return { name, labels, value: typeof value === "string" ? exotic[value] ?? 0 : value, timestampMs };
  });
}

/** Writes half of what it is given and then fails, while the disk is full. */
function diskThatFills(fs: FileSystem, disk: { readonly full: boolean }): FileSystem {
  return {
    ...fs,
    async open(path, mode) {
      const handle = await fs.open(path, mode);
      return {
        ...handle,
        async write(bytes, position) {
          if (!disk.full) return await handle.write(bytes, position);
          await handle.write(bytes.subarray(0, bytes.length / 2), position);
          throw new FileSystemError("ENOSPC", path);
        },
      };
    },
  };
}
