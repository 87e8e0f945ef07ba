import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileSystem } from "../../core/runtime/env.ts";
import { FileSystemError } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { createFileSink } from "../../exporter/sinks/file_sink.ts";
import { type ReceivedRequest, startReceiver } from "../../exporter/sinks/remote_write/receiver_testing.ts";
import { createRemoteWriteSink } from "../../exporter/sinks/remote_write/sink.ts";
import { type ReceivedSample, sinkConformance } from "./sink_suite.ts";

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
});

sinkConformance("remote write sink", async () => {
  let receiver = await startReceiver();
  const requests: ReceivedRequest[] = [];
  const url = new URL("/api/v1/write", receiver.url);
  const log = makeLogger("test", "silent");
  const sink = createRemoteWriteSink({ name: "prometheus", url, headers: {}, clock: systemEnv.clock, log });
  return {
    sink,
    received: () => Promise.resolve([...requests, ...receiver.requests].flatMap(samplesOf)),
    breakDestination() {
      requests.push(...receiver.requests);
      return receiver.close();
    },
    async mendDestination() {
      receiver = await startReceiver(Number(url.port));
    },
    close: () => receiver.close(),
  };
});

function samplesOf(request: ReceivedRequest): ReceivedSample[] {
  return request.series.flatMap(({ labels, samples }) => {
    const { __name__: name = "", ...rest } = Object.fromEntries(labels) as Record<string, string>;
    return samples.map(({ value, timestampMs }) => ({ name, labels: rest, value, timestampMs }));
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
