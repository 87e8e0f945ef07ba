import { z } from "zod";
import type { Clock } from "../../../core/runtime/env.ts";
import type { DeliveryOutcome, Rejected, Sink } from "../../sink.ts";
import {
  type HttpClient,
  httpShape,
  oneCredential,
  openHttpClient,
  readSecret,
  secretReference,
  send,
} from "../http/mod.ts";
import type { SinkContext, SinkType } from "../sink_types.ts";
import { pushOutcome } from "./answer.ts";
import { pushBody, type PushCounts, PushEncoder, type PushRequest } from "./push.ts";
import { newBucket, rateLimit, takeToken, type TokenBucket } from "./rate.ts";

const requestHeaders = { "content-type": "application/json", "user-agent": "bcs-metric" };

const bkmonitorSchema = z.strictObject({
  name: z.string(),
  type: z.literal("bkmonitor"),
  ...httpShape("http://127.0.0.1:10205/v2/push/", Object.keys(requestHeaders)),
  /** For every dataid that `accessTokens` does not name. */
  accessToken: secretReference.optional(),
  accessTokens: z.record(z.string().regex(/^[1-9]\d{0,15}$/, { error: "is no dataid" }), secretReference).default({}),
  requestsPerMinute: z.int().min(2).max(1_000_000).default(1000),
  bodyBytesMax: z.int().min(10_000).max(100_000_000).default(500_000),
}).refine(({ accessToken, accessTokens }) => accessToken !== undefined || Object.keys(accessTokens).length > 0, {
  error: "needs accessToken, or accessTokens for some dataids",
}).refine(...oneCredential);

export type BkmonitorConfig = z.output<typeof bkmonitorSchema>;

export const bkmonitorType: SinkType<BkmonitorConfig> = {
  schema: bkmonitorSchema,
  place: () => null,
  create: (options, context) => createBkmonitorSink(options, context),
};

type BkmonitorContext = Pick<SinkContext, "configDir" | "variables" | "log"> & {
  readonly env: Pick<SinkContext["env"], "clock" | "fs">;
};

/** Small, since a batch that fails half-way is sent again whole, and uses up the rate. */
const batchSamplesMax = 10_000;
const longestTokenBytes = 16 * 1024;
const envelopeBytes = 100;

/**
 * BlueKing's HTTP JSON ingestion (push.ts). It stays below the platform's limits on the size of a body and on requests
 * a minute for a dataid by splitting and waiting. What has no dataid, or one without a token, cannot be carried.
 * @throws RangeError when a token's place has none.
 * @throws UserError when the files for TLS cannot be used.
 */
export async function createBkmonitorSink(
  config: BkmonitorConfig,
  context: BkmonitorContext,
  open: () => Promise<HttpClient> = () => openHttpClient(config, context, requestHeaders),
): Promise<Sink> {
  const tokens = new Tokens(config, context);
  await tokens.check();
  return bkmonitorSink(config, context.env.clock, tokens, await open());
}

function bkmonitorSink(config: BkmonitorConfig, clock: Clock, tokens: Tokens, client: HttpClient): Sink {
  const { name, accessTokens } = config;
  const pace = new Pace(config.requestsPerMinute, clock);
  const encoder = new PushEncoder({
    itemsBytesMax: config.bodyBytesMax - envelopeBytes - tokens.bytesMax,
    isKnown: (dataId) => dataId > 0 && (config.accessToken !== undefined || Object.hasOwn(accessTokens, dataId)),
    wallMs: () => clock.wallMs(),
  });

  async function push(request: PushRequest, signal: AbortSignal) {
    await pace.wait(request.dataId, signal);
    if (signal.aborted) return { outcome: "retry", reason: "stopped" } as const;
    const token = await tokens.read(request.dataId);
    const result = await send(client, { body: pushBody(request, token), headers: {} }, signal, clock, pushOutcome);
    if (result.outcome === "delivered") return result;
    // What the platform says may repeat what it was sent.
    return { ...result, reason: result.reason.replaceAll(token, "<redacted>") };
  }

  return {
    name,
    type: "bkmonitor",
    batchSamplesMax,
    async deliver(batch, signal): Promise<DeliveryOutcome> {
      const counts: PushCounts = { samples: 0, records: 0, notCarriedRecords: 0, notCarriedSamples: 0 };
      let rejected: Rejected | null = null;
      if (signal.aborted) return { outcome: "retry", reason: "stopped" };
      try {
        for (const request of encoder.requests(batch, counts)) {
          const result = await push(request, signal);
          if (result.outcome === "retry") return result;
          // The rest of a batch is worth sending even if a part of it is refused.
          if (result.outcome === "rejected") rejected = result;
        }
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return { outcome: "retry", reason: error.message, alarm: true };
      }
      return rejected ?? { outcome: "delivered", ...counts };
    },
    close: () => client.close(),
  };
}

/** The access tokens, read anew for each request so that a changed one is used. Not to be logged. */
class Tokens {
  readonly #config: BkmonitorConfig;
  readonly #context: BkmonitorContext;
  #bytesMax = 0;

  constructor(config: BkmonitorConfig, context: BkmonitorContext) {
    this.#config = config;
    this.#context = context;
  }

  /** Bytes that a token takes in a body, at most. */
  get bytesMax(): number {
    return Math.min(this.#bytesMax + 100, longestTokenBytes);
  }

  /** @throws RangeError when one is not there. */
  async check(): Promise<void> {
    const { accessToken, accessTokens } = this.#config;
    const references = accessToken === undefined ? [] : [accessToken];
    for (const reference of [...references, ...Object.values(accessTokens)]) {
      this.#bytesMax = Math.max(this.#bytesMax, JSON.stringify(await this.#secret(reference)).length);
    }
  }

  async read(dataId: number): Promise<string> {
    const { accessToken, accessTokens } = this.#config;
    const reference = Object.hasOwn(accessTokens, dataId) ? accessTokens[dataId] : accessToken;
    if (reference === undefined) throw new Error(`Cannot push dataid ${dataId}: it has no token`);
    return await this.#secret(reference);
  }

  #secret(reference: string): Promise<string> {
    const { env: { fs }, variables, configDir } = this.#context;
    return readSecret(reference, { fs, variables, configDir });
  }
}

/** Keeps each dataid below its requests a minute. */
class Pace {
  readonly #limit: ReturnType<typeof rateLimit>;
  readonly #clock: Clock;
  readonly #buckets = new Map<number, TokenBucket>();

  constructor(requestsPerMinute: number, clock: Clock) {
    this.#limit = rateLimit(requestsPerMinute);
    this.#clock = clock;
  }

  /** Resolves when the dataid may make a request, which is counted; or when the signal is aborted. */
  async wait(dataId: number, signal: AbortSignal): Promise<void> {
    const bucket = this.#buckets.get(dataId) ?? newBucket(this.#limit, this.#clock.monotonicMs());
    this.#buckets.set(dataId, bucket);
    while (!signal.aborted) {
      const waitMs = takeToken(bucket, this.#limit, this.#clock.monotonicMs());
      if (waitMs === 0) return;
      await this.#sleep(waitMs, signal);
    }
  }

  async #sleep(waitMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const onAbort = () => resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    const cancel = this.#clock.after(waitMs, resolve);
    await promise;
    cancel();
    signal.removeEventListener("abort", onAbort);
  }
}
