import { resolve } from "node:path";
import { z } from "zod";
import { addressText } from "../../../core/option_types.ts";
import type { ClientTls, Env } from "../../../core/runtime/env.ts";
import { parseAddress } from "../../../core/runtime/system_net.ts";
import { TlsFiles } from "../../../core/runtime/tls_files.ts";
import type { Batch, DeliveryOutcome, Sink } from "../../sink.ts";
import type { SinkContext, SinkType } from "../sink_types.ts";
import { encodeGseFrame, isGseDataId } from "./frame.ts";
import { GseLink, LinkError } from "./link.ts";
import { ScrapeRecordEncoder } from "./record.ts";

const path = z.string().min(1);

const bkdataSchema = z.strictObject({
  name: z.string(),
  type: z.literal("bkdata"),
  addresses: z.array(addressText).min(1).max(100),
  timeoutMs: z.int().min(1).max(300_000).default(10_000),
  tls: z.strictObject({
    ca: path.optional(),
    cert: path.optional(),
    key: path.optional(),
    serverName: z.string().min(1).optional(),
  }).refine(({ cert, key }) => (cert === undefined) === (key === undefined), { error: "cert and key belong together" })
    .optional(),
});

export type BkdataConfig = z.output<typeof bkdataSchema>;

export const bkdataType: SinkType<BkdataConfig> = { schema: bkdataSchema, place: () => null, create: createBkdataSink };

type BkdataContext = Pick<SinkContext, "configDir" | "log"> & { readonly env: Pick<Env, "clock" | "fs" | "net"> };

/** Gathered into one write, so that many small records are not as many packets. */
const writeBytesMin = 64 * 1024;

/**
 * The BlueKing GSE data pipe: frames (frame.ts) with the records of scrapes (record.ts), and opaque records as they
 * came, over one connection to each address, batches going round robin. The pipe acknowledges nothing: delivered means
 * that the system of this machine has taken every byte and that the connection was still there. What has no dataid
 * cannot be carried.
 * @throws UserError when the files for TLS cannot be used.
 */
export async function createBkdataSink(config: BkdataConfig, context: BkdataContext): Promise<Sink> {
  const { name, timeoutMs } = config;
  const { clock, net } = context.env;
  const files = await openTlsFiles(config, context);
  const tls = (): ClientTls | undefined =>
    config.tls === undefined ? undefined : { ...files?.content, serverName: config.tls.serverName };
  const links = config.addresses.map((text) =>
    new GseLink({ address: parseAddress(text), timeoutMs, net, clock, tls })
  );
  const encoder = new ScrapeRecordEncoder();
  let turn = 0;

  async function sendTo(link: GseLink, batch: Batch, signal: AbortSignal): Promise<Counts> {
    const frames = new Frames(encoder, () => clock.wallMs());
    let opened = false;
    for (const piece of frames.of(batch)) {
      // Only when there is something to send: what cannot be carried does not wait for the pipe.
      if (!opened) await link.open(signal);
      opened = true;
      await link.write(piece, signal);
    }
    return frames.counts;
  }

  return {
    name,
    type: "bkdata",
    async deliver(batch, signal): Promise<DeliveryOutcome> {
      const reasons: string[] = [];
      for (const _ of links) {
        if (signal.aborted) break;
        const link = links[turn++ % links.length] as GseLink;
        try {
          return { outcome: "delivered", ...await sendTo(link, batch, signal) };
        } catch (error) {
          if (!(error instanceof LinkError)) throw error;
          reasons.push(error.message);
        }
      }
      return { outcome: "retry", reason: signal.aborted ? "stopped" : reasons.join("; ") };
    },
    close() {
      files?.close();
      for (const link of links) link.close();
      return Promise.resolve();
    },
  };
}

async function openTlsFiles({ tls }: BkdataConfig, { env, log, configDir }: BkdataContext): Promise<TlsFiles | null> {
  if (tls?.ca === undefined && tls?.cert === undefined) return null;
  const at = (file: string | undefined) => file === undefined ? undefined : resolve(configDir, file);
  return await TlsFiles.open({ ca: at(tls.ca), cert: at(tls.cert), key: at(tls.key) }, { ...env, log });
}

interface Counts {
  samples: number;
  records: number;
  notCarriedRecords: number;
  notCarriedSamples: number;
}

const textEncoder = new TextEncoder();

/** The frames of one batch, and what of it they carry. */
class Frames {
  readonly counts: Counts = { samples: 0, records: 0, notCarriedRecords: 0, notCarriedSamples: 0 };
  readonly #encoder: ScrapeRecordEncoder;
  readonly #wallMs: () => number;

  constructor(encoder: ScrapeRecordEncoder, wallMs: () => number) {
    this.#encoder = encoder;
    this.#wallMs = wallMs;
  }

  /** Whole frames, several joined. */
  *of(batch: Batch): Generator<Uint8Array> {
    let pending: Uint8Array[] = [];
    let bytes = 0;
    for (const frame of this.#frames(batch)) {
      pending.push(frame);
      bytes += frame.length;
      if (bytes < writeBytesMin) continue;
      yield Buffer.concat(pending);
      pending = [];
      bytes = 0;
    }
    if (bytes > 0) yield Buffer.concat(pending);
  }

  *#frames(batch: Batch): Generator<Uint8Array> {
    const { counts } = this;
    for (const scrape of batch.scrapes) {
      const { dataId } = scrape.target;
      if (!isGseDataId(dataId)) {
        counts.notCarriedRecords++;
        counts.notCarriedSamples += scrape.values.length;
        continue;
      }
      const { texts, samples, notCarriedSamples } = this.#encoder.encode(scrape);
      for (const text of texts) yield encodeGseFrame(dataId, textEncoder.encode(text), this.#wallMs());
      counts.records++;
      counts.samples += samples;
      counts.notCarriedSamples += notCarriedSamples;
    }
    for (const { dataId, record } of batch.opaque) {
      if (!isGseDataId(dataId)) {
        counts.notCarriedRecords++;
        continue;
      }
      yield encodeGseFrame(dataId, record, this.#wallMs());
      counts.records++;
    }
  }
}
