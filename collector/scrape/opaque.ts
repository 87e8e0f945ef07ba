import { frameBodyBytesMax, FrameType } from "../../core/protocol/frame.ts";
import { ScrapeRefusedError } from "../../core/scrape/limits.ts";
import type { OutboundRecord } from "../send/outbox.ts";

/** What an opaque record says of where it came from. */
export interface OpaqueOrigin {
  /** BlueKing's data id; 0 when the metric has none. */
  readonly dataId: number;
  readonly cluster: string;
  readonly namespace: string;
  /** The pod's name, or the metric's when the pod is not known. */
  readonly name: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * The record of an opaque metric's scrape as the original system writes it: JSON with the body as text, unparsed.
 * Bytes that are no UTF-8 become U+FFFD, since JSON is text.
 * @throws ScrapeRefusedError when it does not fit a frame.
 */
export function opaqueRecord(origin: OpaqueOrigin, timestampMs: number, body: Uint8Array): OutboundRecord {
  const record = encoder.encode(JSON.stringify({
    "@timestamp": new Date(timestampMs).toISOString(),
    dataid: origin.dataId,
    objmeta: {
      name: origin.name,
      namespace: origin.namespace,
      creationTimestamp: null,
      labels: origin.labels,
      annotations: {},
      clusterName: origin.cluster,
      ip: origin.ip,
    },
    data: decoder.decode(body),
  }));
  if (record.length > frameBodyBytesMax) {
    throw new ScrapeRefusedError(`record of ${record.length} bytes exceeds the ${frameBodyBytesMax} of a frame`);
  }
  return {
    frameType: origin.dataId > 0 ? FrameType.blueKing : FrameType.record,
    id: BigInt(origin.dataId),
    body: record,
    shapes: [],
    samples: 0,
    timestampMs,
  };
}
