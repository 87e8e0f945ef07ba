import { compressSync } from "snappy";
import type { Clock } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { Batch, DeliveryOutcome, Rejected, Sink } from "../../sink.ts";
import { blockCacheBytesDefault } from "../block_cache.ts";
import { createWriteClient, RequestFailedError } from "./client.ts";
import { RequestEncoder } from "./encoder.ts";
import { outcomeOf, type RequestOutcome } from "./outcome.ts";

export interface RemoteWriteOptions {
  readonly name: string;
  /** http or https, without user information. */
  readonly url: URL;
  /** Added to those of the protocol; `authorization` among them. They are never logged. */
  readonly headers: Readonly<Record<string, string>>;
  /** For a whole request. Default 30 s. */
  readonly timeoutMs?: number;
  /** Samples in one request. Default 10,000. */
  readonly samplesMax?: number;
  /** Bytes of one request before compression. Default 8 MiB. */
  readonly requestBytesMax?: number;
  /** Bound of the cached encoded labels. Default 64 MiB. */
  readonly cacheBytesMax?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export const timeoutMsDefault = 30_000;
export const samplesMaxDefault = 10_000;
const requestBytesMaxDefault = 8 * 1024 * 1024;
/**
 * Fast path: the compressed bytes are copied out of a buffer that snappy frees at once. Left to the garbage collector,
 * such buffers piled up to 700 MB and made compression cost two to ten times as much (requests of 1.9 MB, Node 24).
 */
const compression = { copyOutputData: true };

/** The headers that remote write 1.0 prescribes; none of them can be set by an option. */
export const protocolHeaders: Readonly<Record<string, string>> = {
  "content-type": "application/x-protobuf",
  "content-encoding": "snappy",
  "x-prometheus-remote-write-version": "0.1.0",
  "user-agent": "bcs-metric",
};

/**
 * Prometheus remote write 1.0: protobuf, compressed by snappy, one request at a time. outcome.ts tells what each
 * answer means, expand.ts which opaque records are carried.
 */
export function createRemoteWriteSink(options: RemoteWriteOptions): Sink {
  const { name, url, clock, log, samplesMax = samplesMaxDefault, timeoutMs = timeoutMsDefault } = options;
  const { requestBytesMax = requestBytesMaxDefault, cacheBytesMax = blockCacheBytesDefault } = options;
  const client = createWriteClient({ url, headers: { ...options.headers, ...protocolHeaders }, timeoutMs, clock });
  const encoder = new RequestEncoder({ samplesMax, requestBytesMax, cacheBytesMax });

  async function send(body: Uint8Array, signal: AbortSignal): Promise<RequestOutcome> {
    try {
      return outcomeOf(await client.post(compressSync(body, compression), signal), clock.wallMs());
    } catch (error) {
      if (!(error instanceof RequestFailedError)) throw error;
      return { outcome: "retry", reason: signal.aborted ? "stopped" : error.message };
    }
  }

  return {
    name,
    type: "remote_write",
    batchSamplesMax: samplesMax,
    async deliver(batch: Batch, signal: AbortSignal): Promise<DeliveryOutcome> {
      let samples = 0;
      let rejected: Rejected | null = null;
      for (const request of encoder.requests(batch)) {
        const result = await send(request.body, signal);
        if (result.outcome === "retry") {
          if (result.alarm === true) log.error({ sink: name, reason: result.reason }, "sink needs to be mended");
          return result;
        }
        // The rest of a batch is worth sending even if a part of it is refused.
        if (result.outcome === "rejected") rejected = result;
        else samples += request.samples;
      }
      if (rejected !== null) return rejected;
      const { notCarriedRecords } = encoder;
      const records = batch.scrapes.length + batch.opaque.length - notCarriedRecords;
      return { outcome: "delivered", samples, records, notCarriedRecords };
    },
    close: () => client.close(),
  };
}
