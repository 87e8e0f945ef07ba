import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Clock } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { Batch, Rejected, Sink } from "../../sink.ts";
import { blockCacheBytesDefault } from "../block_cache.ts";
import { type HttpClient, send } from "../http/mod.ts";
import { OtlpEncoder } from "./encoder.ts";
import { type OtlpOutcome, otlpOutcome } from "./outcome.ts";

export interface OtlpOptions {
  readonly name: string;
  /** The sink closes it. */
  readonly client: HttpClient;
  /** Default gzip. */
  readonly compression?: "gzip" | "none";
  /** Samples in one request, about. Default 10,000. */
  readonly samplesMax?: number;
  /** Bytes of one request before compression. Default 4 MiB. */
  readonly requestBytesMax?: number;
  /** Bound of the cached encoded metrics. Default 64 MiB. */
  readonly cacheBytesMax?: number;
  /** Labels that go to the resource, with their names there. Default: job and instance, as the specification has it. */
  readonly resourceLabels?: ReadonlyMap<string, string>;
  readonly clock: Clock;
  readonly log: Logger;
}

export const samplesMaxDefault = 10_000;
const requestBytesMaxDefault = 4 * 1024 * 1024;
/** Level 1 costs a third of the default level's time, for a tenth more bytes. */
const gzipLevel = 1;

/** None of them can be set by an option. */
export const protocolHeaders: Readonly<Record<string, string>> = {
  "content-type": "application/x-protobuf",
  "user-agent": "bcs-metric",
};
export const encodingHeader = "content-encoding";

/** What the specification of compatibility with Prometheus puts into the resource. */
export const resourceLabelsDefault: ReadonlyMap<string, string> = new Map([
  ["job", "service.name"],
  ["instance", "service.instance.id"],
]);

const compress = promisify(gzip);

/** OTLP over HTTP with protobuf, one request at a time. outcome.ts tells what each answer means. */
export function createOtlpSink(options: OtlpOptions): Sink {
  const { name, client, clock, log, compression = "gzip", samplesMax = samplesMaxDefault } = options;
  const { requestBytesMax = requestBytesMaxDefault, cacheBytesMax = blockCacheBytesDefault } = options;
  const { resourceLabels = resourceLabelsDefault } = options;
  const encoder = new OtlpEncoder({ samplesMax, requestBytesMax, cacheBytesMax, resourceLabels });

  async function post(body: Uint8Array, signal: AbortSignal): Promise<OtlpOutcome> {
    const headers = compression === "none" ? protocolHeaders : { ...protocolHeaders, [encodingHeader]: "gzip" };
    const compressed = compression === "none" ? body : await compress(body, { level: gzipLevel });
    return await send<OtlpOutcome>(client, { body: compressed, headers }, signal, clock, otlpOutcome);
  }

  return {
    name,
    type: "otlp",
    batchSamplesMax: samplesMax,
    async deliver(batch: Batch, signal: AbortSignal) {
      let [samples, rejectedSamples, rejectedReason] = [0, 0, ""];
      let rejected: Rejected | null = null;
      for (const request of encoder.requests(batch)) {
        const outcome = await post(request.body, signal);
        if (outcome.outcome === "retry") return outcome;
        // The rest of a batch is worth sending even if a part of it is refused.
        if (outcome.outcome === "rejected") {
          rejected = outcome;
          continue;
        }
        const refused = Math.min(request.samples, outcome.rejectedPoints);
        samples += request.samples - refused;
        rejectedSamples += refused;
        if (refused > 0) rejectedReason = outcome.rejectedReason;
        // A message without a refusal is a warning.
        else if (outcome.rejectedReason !== "") log.warn({ sink: name, message: outcome.rejectedReason }, "sink warns");
      }
      if (rejected !== null) return rejected;
      const { records: notCarriedRecords, samples: notCarriedSamples } = encoder.notCarried;
      const records = batch.scrapes.length + batch.opaque.length - notCarriedRecords;
      const taken = { outcome: "delivered" as const, samples, records, notCarriedRecords, notCarriedSamples };
      return rejectedSamples === 0 ? taken : { ...taken, rejectedSamples, rejectedReason };
    },
    close: () => client.close(),
  };
}
