import { createHash, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { addressText } from "../../../core/option_types.ts";
import type { Clock } from "../../../core/runtime/env.ts";
import { serveHttp } from "../../../core/runtime/http.ts";
import { formatAddress, parseAddress } from "../../../core/runtime/system_net.ts";
import type { Batch, Delivered, Sink } from "../../sink.ts";
import { expandRecord } from "../expand.ts";
import { readSecret, secretReference } from "../http/secret.ts";
import type { SinkContext, SinkType } from "../sink_types.ts";
import { parseSelector, type Selector } from "./selector.ts";
import { SeriesTable } from "./series_table.ts";
import { exposition, textFormat } from "./text.ts";

const pullSchema = z.strictObject({
  name: z.string(),
  type: z.literal("pull"),
  listen: addressText.default("127.0.0.1:7074"),
  bearerToken: secretReference.optional(),
  insecure: z.boolean().default(false),
  seriesMax: z.int().min(1).max(10_000_000).default(1_000_000),
  bytesMax: z.int().min(1024).default(256 * 1024 * 1024),
  lookbackMs: z.int().min(1000).default(5 * 60_000),
});

export type PullConfig = z.output<typeof pullSchema>;

export const pullType: SinkType<PullConfig> = {
  schema: pullSchema,
  place: ({ listen }) => listen,
  create: createPullSink,
};

type PullContext = Pick<SinkContext, "configDir" | "variables" | "log"> & {
  readonly env: Pick<SinkContext["env"], "clock" | "fs">;
};

export interface PullSink extends Sink {
  /** Where it listens: `host:port`. */
  readonly address: string;
}

const selectorsMax = 100;
const dropLogIntervalMs = 60_000;

/**
 * Keeps the latest sample of every series in memory and serves them at `GET /federate?match[]=…`, as a Prometheus does
 * to another. Delivered means: taken into that table. A sample that is followed by a newer one before somebody asks is
 * never seen, and a restart begins with an empty table.
 * @throws ListenError when the address cannot be bound.
 * @throws RangeError when it would listen beyond this machine without a token, or the token's place has none.
 */
export async function createPullSink(config: PullConfig, context: PullContext): Promise<PullSink> {
  const { name, bearerToken } = config;
  const { env: { clock, fs }, variables, configDir, log } = context;
  const address = parseAddress(config.listen);
  if (!isLoopback(address.host) && bearerToken === undefined && !config.insecure) {
    throw new RangeError(`listen: ${config.listen} is open to other machines: set bearerToken, or insecure: true`);
  }
  const readToken = async () =>
    bearerToken === undefined ? null : await readSecret(bearerToken, { variables, fs, configDir });
  await readToken();
  const table = new SeriesTable(config);
  const listener = await serveHttp(address, (request) => answer(request, { table, clock, readToken }));
  let dropped = 0;
  let dropLoggedMs = -Infinity;
  return {
    name,
    type: "pull",
    address: formatAddress(listener.address),
    deliver(batch, signal) {
      if (signal.aborted) return Promise.resolve({ outcome: "retry", reason: "stopped" });
      const counts = putBatch(table, batch, clock.wallMs());
      const { notCarriedSamples } = counts;
      dropped += notCarriedSamples;
      if (notCarriedSamples > 0 && clock.monotonicMs() - dropLoggedMs >= dropLogIntervalMs) {
        dropLoggedMs = clock.monotonicMs();
        log.warn({ sink: name, dropped, series: table.series }, "the table of series is full; new ones are left out");
      }
      return Promise.resolve({ outcome: "delivered", ...counts });
    },
    close: () => listener.close(),
  };
}

/** Of opaque records, those with a `prometheus` part are expanded into samples; the others cannot be carried. */
function putBatch(table: SeriesTable, batch: Batch, nowMs: number): Omit<Required<Delivered>, "outcome" | Rejections> {
  let notCarriedSamples = 0;
  let samples = batch.sampleCount;
  for (const scrape of batch.scrapes) notCarriedSamples += table.put(scrape, nowMs);
  let notCarriedRecords = 0;
  for (const record of batch.opaque) {
    const expanded = expandRecord(record);
    if (expanded === null) {
      notCarriedRecords++;
      continue;
    }
    samples += expanded.samples.length;
    for (const sample of expanded.samples) notCarriedSamples += table.putSample(sample, nowMs) ? 0 : 1;
  }
  const records = batch.scrapes.length + batch.opaque.length - notCarriedRecords;
  return { samples: samples - notCarriedSamples, records, notCarriedRecords, notCarriedSamples };
}

type Rejections = "rejectedSamples" | "rejectedReason";

interface AnswerDeps {
  readonly table: SeriesTable;
  readonly clock: Pick<Clock, "wallMs">;
  /** Null asks for none. */
  readonly readToken: () => Promise<string | null>;
}

async function answer(request: Request, { table, clock, readToken }: AnswerDeps): Promise<Response> {
  const token = await readToken();
  if (token !== null && !isSame(request.headers.get("authorization") ?? "", `Bearer ${token}`)) {
    return new Response("unauthorized\n", { status: 401, headers: { "www-authenticate": "Bearer" } });
  }
  const url = new URL(request.url);
  if (url.pathname !== "/federate") return new Response("not found: try /federate\n", { status: 404 });
  if (request.method !== "GET") return new Response("only GET\n", { status: 405, headers: { allow: "GET" } });
  let selectors: Selector[];
  try {
    selectors = readSelectors(url.searchParams.getAll("match[]"));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return new Response(`${error.message}\n`, { status: 400 });
  }
  const wanted = Array.from(table.current(clock.wallMs()))
    .filter(({ labels }) => selectors.length === 0 || selectors.some((selects) => selects(labels)));
  const format = textFormat(request.headers.get("accept") ?? "");
  const body = streamOf(exposition(wanted, format.utf8Names));
  return new Response(body, { headers: { "content-type": format.contentType } });
}

function readSelectors(texts: readonly string[]): Selector[] {
  if (texts.length > selectorsMax) throw new RangeError(`Cannot use more than ${selectorsMax} selectors`);
  return texts.map(parseSelector);
}

function streamOf(pieces: Generator<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    pull(controller) {
      const { value, done } = pieces.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
}

function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
