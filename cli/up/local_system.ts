import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../../core/errors.ts";
import { writeArguments } from "../../core/options.ts";
import { type ChildEnd, startChild } from "../../core/runtime/child.ts";
import { delay } from "../../core/runtime/delay.ts";
import { isServing } from "./fetch_status.ts";

export interface LocalSystemOptions {
  readonly volume: string;
  readonly data: string;
  readonly port: number;
  readonly frequencyMin: number;
  readonly exporterConfig?: string | undefined;
}

export interface LocalSystem {
  readonly serviceUrl: string;
  readonly exporterUrl: string;
  readonly exporterAddress: string;
  /** Rejects when a process ends that was not told to. */
  readonly failed: Promise<never>;
  /** Stops the service, and with it the collectors, which hand over what they hold. */
  stopCollecting(): Promise<void>;
  /** Stops the exporter, which gives its sinks what they lack. */
  stopExporting(): Promise<void>;
}

const program = fileURLToPath(new URL("../main.ts", import.meta.url));
const readyWithinMs = 30_000;
const readyPollMs = 100;
const collectorsGraceMs = 15_000;
const exporterGraceMs = 15_000;

/**
 * Starts an exporter and a service, which starts the collectors, and waits until both are ready.
 * @throws UserError with the reason that a process gave when it ended instead.
 */
export async function startSystem(options: LocalSystemOptions, stop: AbortSignal): Promise<LocalSystem> {
  const { port } = options;
  const exporterAddress = `127.0.0.1:${port + 1}`;
  const exporterUrl = `http://127.0.0.1:${port + 2}`;
  const serviceUrl = `http://127.0.0.1:${port}`;
  const exporter = startPart("exporter", options.data, {
    data: join(options.data, "exporter"),
    volume: options.volume,
    cluster: "BCS-LOCAL",
    name: "exporter-0",
    listen: exporterAddress,
    http: `127.0.0.1:${port + 2}`,
    config: options.exporterConfig,
  });
  const service = startPart("service", options.data, {
    volume: options.volume,
    data: options.data,
    listen: `127.0.0.1:${port}`,
    orchestrator: "process",
    frequencyMin: options.frequencyMin,
  });
  const stopCollecting = async () => void await service.stop(collectorsGraceMs);
  const stopExporting = async () => void await exporter.stop(exporterGraceMs);
  const failed = Promise.race([exporter.failed, service.failed]);
  // Nobody may be waiting at the moment when it rejects; whoever waits next still gets the reason.
  failed.catch(() => undefined);
  try {
    await Promise.race([failed, ready([serviceUrl, exporterUrl], stop)]);
  } catch (error) {
    await stopCollecting();
    await stopExporting();
    throw error;
  }
  return { serviceUrl, exporterUrl, exporterAddress, failed, stopCollecting, stopExporting };
}

interface Part {
  readonly failed: Promise<never>;
  stop(graceMs: number): Promise<ChildEnd>;
}

function startPart(name: string, data: string, values: Parameters<typeof writeArguments>[0]): Part {
  const logPath = join(data, "logs", `${name}.log`);
  const child = startChild(program, [name, ...writeArguments(values)], logPath);
  let stopping = false;
  const fail = async (): Promise<never> => {
    const end = await child.ended;
    // An end that was asked for is no failure: this promise then never settles.
    if (stopping) return await new Promise<never>(() => {});
    throw new UserError(`the ${name} ended (${describeEnd(end)}): ${await lastLine(logPath)}`);
  };
  return {
    failed: fail(),
    stop(graceMs) {
      stopping = true;
      return child.stop(graceMs);
    },
  };
}

function describeEnd(end: ChildEnd): string {
  if (end.reason !== "") return end.reason;
  return end.signal === null ? `exit code ${end.code}` : end.signal;
}

async function lastLine(path: string): Promise<string> {
  const text = await readFile(path, "utf8");
  return text.trimEnd().split("\n").at(-1) ?? "";
}

async function ready(urls: readonly string[], stop: AbortSignal): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  for (const url of urls) {
    while (!stop.aborted && !(await isServing(`${url}/readyz`))) {
      if (performance.now() > deadline) throw new UserError(`${url} is not ready after ${readyWithinMs / 1000} s`);
      await delay(readyPollMs, stop);
    }
  }
}
