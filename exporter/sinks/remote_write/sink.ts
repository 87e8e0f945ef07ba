import type { Clock } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { Batch, DeliveryOutcome, Rejected, Sink } from "../../sink.ts";
import { blockCacheBytesDefault } from "../block_cache.ts";
import { type HttpClient, send } from "../http/mod.ts";
import type { EncoderOptions, WriteEncoder, WriteRequest } from "./encoder.ts";
import type { WriteOutcome } from "./outcome.ts";
import { protocol1, protocol2, type WriteProtocol } from "./protocol.ts";
import { compress } from "./snappy.ts";

export type ProtocolChoice = "auto" | "1.0" | "2.0";

export interface RemoteWriteOptions {
  readonly name: string;
  /** The sink closes it. */
  readonly client: HttpClient;
  /** `auto` (default): 2.0, and 1.0 for an hour after the destination did not understand it. */
  readonly protocol?: ProtocolChoice;
  /** Samples in one request. Default 25,000. */
  readonly samplesMax?: number;
  /** Bytes of one request before compression. Default 8 MiB. */
  readonly requestBytesMax?: number;
  /** Bound of what is cached to encode with. Default 64 MiB. */
  readonly cacheBytesMax?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

export const samplesMaxDefault = 25_000;
const requestBytesMaxDefault = 8 * 1024 * 1024;
/** How long a destination that did not understand 2.0 is spoken to in 1.0. */
const fallbackMs = 3_600_000;
type BatchOutcome = DeliveryOutcome | Extract<WriteOutcome, { readonly outcome: "unsupported" }>;

/**
 * Prometheus remote write: protobuf, compressed by snappy, one request at a time. outcome.ts tells what each answer
 * means, ../expand.ts which opaque records are carried.
 */
export function createRemoteWriteSink(options: RemoteWriteOptions): Sink {
  const { name, client, clock, log, protocol = "auto", samplesMax = samplesMaxDefault } = options;
  const { requestBytesMax = requestBytesMaxDefault, cacheBytesMax = blockCacheBytesDefault } = options;
  const writer = new Writer({ samplesMax, requestBytesMax, cacheBytesMax }, client, clock);
  let fallbackEndMs = -Infinity;

  function preferred(): WriteProtocol {
    if (protocol === "1.0") return protocol1;
    return protocol === "auto" && clock.monotonicMs() < fallbackEndMs ? protocol1 : protocol2;
  }

  async function deliver(batch: Batch, signal: AbortSignal): Promise<DeliveryOutcome> {
    const outcome = await writer.write(preferred(), batch, signal);
    if (outcome.outcome !== "unsupported") return outcome;
    const { reason } = outcome;
    if (protocol !== "auto") {
      return { outcome: "retry", reason: `${reason}: it does not understand remote write 2.0`, alarm: true };
    }
    log.warn({ sink: name, reason }, "destination does not understand remote write 2.0; writing 1.0 for an hour");
    fallbackEndMs = clock.monotonicMs() + fallbackMs;
    return await deliver(batch, signal);
  }

  return {
    name,
    type: "remote_write",
    batchSamplesMax: samplesMax,
    deliver,
    close: () => client.close(),
  };
}

/** Writes batches by one protocol or the other. */
class Writer {
  readonly #options: EncoderOptions;
  readonly #client: HttpClient;
  readonly #clock: Clock;
  #protocol: WriteProtocol | null = null;
  #encoder: WriteEncoder | null = null;

  constructor(options: EncoderOptions, client: HttpClient, clock: Clock) {
    this.#options = options;
    this.#client = client;
    this.#clock = clock;
  }

  async write(protocol: WriteProtocol, batch: Batch, signal: AbortSignal): Promise<BatchOutcome> {
    const encoder = this.#encoderOf(protocol);
    let [samples, rejectedSamples, rejectedReason] = [0, 0, ""];
    let rejected: Rejected | null = null;
    for (const request of encoder.requests(batch)) {
      const outcome = await this.#send(protocol, request, signal);
      switch (outcome.outcome) {
        case "retry":
        case "unsupported":
          return outcome;
        case "rejected":
          // The rest of a batch is worth sending even if a part of it is refused.
          rejected = outcome;
          break;
        case "delivered":
          samples += outcome.samples;
          rejectedSamples += request.samples - outcome.samples;
          rejectedReason = outcome.rejectedReason ?? rejectedReason;
          break;
      }
    }
    if (rejected !== null) return rejected;
    const { notCarriedRecords } = encoder;
    const records = batch.scrapes.length + batch.opaque.length - notCarriedRecords;
    const taken = { outcome: "delivered" as const, samples, records, notCarriedRecords };
    return rejectedSamples === 0 ? taken : { ...taken, rejectedSamples, rejectedReason };
  }

  async #send(protocol: WriteProtocol, request: WriteRequest, signal: AbortSignal): Promise<WriteOutcome> {
    const { body, isCompressed, samples } = request;
    return await send(
      this.#client,
      { body: isCompressed ? body : compress(body), headers: protocol.headers },
      signal,
      this.#clock,
      (answer, wallMs): WriteOutcome => protocol.outcomeOf(answer, samples, wallMs),
    );
  }

  /** The caches of the other protocol are let go. */
  #encoderOf(protocol: WriteProtocol): WriteEncoder {
    if (this.#encoder === null || this.#protocol !== protocol) {
      this.#protocol = protocol;
      this.#encoder = protocol.makeEncoder(this.#options);
    }
    return this.#encoder;
  }
}
