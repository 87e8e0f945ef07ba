import { z } from "zod";
import { formatProblem } from "../../core/config/document.ts";
import { delay } from "../../core/runtime/delay.ts";
import type { SystemStatus } from "./status_line.ts";

const timeoutMs = 1000;
const pollMs = 100;

const serviceStatus = z.object({
  targets: z.object({ up: z.number(), down: z.number(), unknown: z.number() }),
  problems: z.array(z.object({ path: z.string(), line: z.number(), column: z.number(), message: z.string() })),
});
const collectorList = z.object({
  collectors: z.array(z.object({ load: z.record(z.string(), z.number()) })),
});
const exporterStatus = z.object({
  receivedSamples: z.number(),
  sinks: z.array(z.object({
    name: z.string(),
    deliveredSamples: z.number(),
    rejectedSamples: z.number(),
    lostRecords: z.number(),
    /** Bytes of the write-ahead log that the sink has not delivered yet. */
    lagBytes: z.number(),
    lastError: z.string().nullable(),
  })),
});

export type ExporterStatus = z.output<typeof exporterStatus>;

/** Asks the service and the exporter how they are; null while one of them does not answer. */
export async function fetchStatus(serviceUrl: string, exporterUrl: string): Promise<SystemStatus | null> {
  const [service, collectors, exporter] = await Promise.all([
    fetchJson(`${serviceUrl}/v1/status`, serviceStatus),
    fetchJson(`${serviceUrl}/v1/collectors`, collectorList),
    fetchJson(`${exporterUrl}/v1/status`, exporterStatus),
  ]);
  if (service === null || collectors === null || exporter === null) return null;
  return {
    targets: service.targets,
    problems: service.problems.map(formatProblem),
    unacknowledgedRecords: collectors.collectors.reduce(
      (sum, { load }) => sum + (load["unacknowledgedRecords"] ?? 0),
      0,
    ),
    receivedSamples: exporter.receivedSamples,
    sinks: exporter.sinks,
  };
}

/** Waits until every sink has delivered what the exporter holds, at most `withinMs`; returns its last status. */
export async function settledExporter(exporterUrl: string, withinMs: number): Promise<ExporterStatus | null> {
  const deadline = performance.now() + withinMs;
  while (true) {
    const status = await fetchJson(`${exporterUrl}/v1/status`, exporterStatus);
    const settled = status !== null && status.sinks.every((sink) => sink.lagBytes === 0);
    if (settled || performance.now() > deadline) return status;
    await delay(pollMs, AbortSignal.timeout(withinMs));
  }
}

/** Whether something answers at `url` with a success. */
export async function isServing(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

async function fetchJson<Schema extends z.ZodType>(url: string, schema: Schema): Promise<z.output<Schema> | null> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    const body: unknown = await answer.json();
    return answer.ok ? schema.parse(body) : null;
  } catch {
    // A process that is restarting, or busy, is shown by the line standing still; its log has the reason.
    return null;
  }
}
