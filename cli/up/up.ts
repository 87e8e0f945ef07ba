import { appendFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { messageOf, UserError } from "../../core/errors.ts";
import { type OptionDefinitions, type OptionValues, readOptions } from "../../core/options.ts";
import { delay } from "../../core/runtime/delay.ts";
import { runUntilSignal } from "../../core/runtime/process.ts";
import { systemFileSystem } from "../../core/runtime/system_fs.ts";
import { fetchStatus, isServing, settledExporter } from "./fetch_status.ts";
import { type LocalSystem, startSystem } from "./local_system.ts";
import { seedVolume } from "./seed.ts";
import { RateWindow, renderStatus, renderSummary, type SystemStatus } from "./status_line.ts";

const nodeExporter = "http://127.0.0.1:9100";
const statusEveryMs = 1000;
const rateWindowMs = 10_000;
const settleWithinMs = 5000;

const options = {
  volume: {
    value: "DIR",
    help: "the configuration volume; an empty one is seeded with the demo",
    schema: z.string().min(1).default("var/volume"),
  },
  data: {
    value: "DIR",
    help: "folder for logs, the write-ahead log and the file sink",
    schema: z.string().min(1).default("var/data"),
  },
  port: {
    value: "N",
    help: "port of the service; the exporter takes the next two",
    schema: z.coerce.number().int().min(1).max(65533).default(7070),
  },
  for: {
    value: "SECONDS",
    help: "stop by itself after this time, with a summary",
    schema: z.coerce.number().positive().optional(),
  },
  frequencyMin: {
    value: "SECONDS",
    help: "the least scrape frequency that a metric may have; the service alone defaults to 60",
    schema: z.coerce.number().int().min(1).default(1),
  },
  exporterConfig: {
    value: "FILE",
    help: "exporter.yaml with sinks; without one, samples go to DATA/exporter/export/*.jsonl",
    schema: z.string().min(1).optional(),
  },
} as const satisfies OptionDefinitions;

type UpOptions = OptionValues<typeof options>;

/** `bcs-metric up`: one service, one exporter and the namespace's collectors, as processes of this machine. */
export async function upCommand(argv: readonly string[]): Promise<number> {
  const summary = "Runs the whole system on this machine until Ctrl-C, with a live status line.";
  const { values } = await readOptions({ name: "up", summary, options }, argv, process.env);
  return await runUntilSignal((stop) => up(values, stop));
}

async function up(values: UpOptions, stop: AbortSignal): Promise<number> {
  const volume = resolve(values.volume);
  const data = resolve(values.data);
  await prepareFolders(volume, data);
  const system = await startSystem({ ...values, volume, data }, stop);
  let last: SystemStatus | null = null;
  try {
    printAddresses(system, volume, data);
    const until = values.for === undefined ? stop : AbortSignal.any([stop, AbortSignal.timeout(values.for * 1000)]);
    last = await showStatus(system, until);
  } finally {
    await system.stopCollecting();
    const exporter = await settledExporter(system.exporterUrl, settleWithinMs);
    if (last !== null && exporter !== null) last = { ...last, ...exporter };
    await system.stopExporting();
  }
  if (last !== null) console.log(renderSummary(last));
  return 0;
}

async function prepareFolders(volume: string, data: string): Promise<void> {
  try {
    await systemFileSystem.makeDir(data);
    // Creating a folder that exists needs no right to write in it; a file does.
    await appendFile(join(data, ".writable"), "");
    const examples = fileURLToPath(new URL("../../configs", import.meta.url));
    if (await seedVolume(examples, volume, await isServing(`${nodeExporter}/metrics`))) {
      console.log(`seeded ${volume} with the demo configuration`);
    }
  } catch (error) {
    throw new UserError(
      `Cannot use --data ${data} and --volume ${volume}: ${messageOf(error)}; choose folders that you may write to`,
    );
  }
}

function printAddresses(system: LocalSystem, volume: string, data: string): void {
  console.log(`service    ${system.serviceUrl}  (targets: ${system.serviceUrl}/v1/targets)`);
  console.log(`exporter   ${system.exporterAddress} frames, ${system.exporterUrl} HTTP`);
  console.log(`volume     ${volume}`);
  console.log(`data       ${data}  (logs in ${join(data, "logs")})`);
}

/** Shows the status until the signal, or fails when a process ends that should not. Returns the last one. */
async function showStatus(system: LocalSystem, until: AbortSignal): Promise<SystemStatus | null> {
  const live = process.stdout.isTTY;
  const rate = new RateWindow(rateWindowMs);
  let last: SystemStatus | null = null;
  while (!until.aborted) {
    await Promise.race([delay(statusEveryMs, until), system.failed]);
    const now = await fetchStatus(system.serviceUrl, system.exporterUrl);
    if (now === null) continue;
    const line = renderStatus(now, rate.perSecond(now.receivedSamples, performance.now()));
    process.stdout.write(live ? `\r${line}\x1b[K` : `${line}\n`);
    last = now;
  }
  if (live) process.stdout.write("\n");
  return last;
}
