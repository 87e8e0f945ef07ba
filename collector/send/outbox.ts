import type { EncodedShape } from "../../core/protocol/shape.ts";

/** Takes what was scraped and sees to it that the exporter gets it: numbered, kept until acknowledged, sent again. */
export interface Outbox {
  /** Returns the sequence number that the record got. */
  push(record: OutboundRecord): number;
}

export interface OutboundRecord {
  /** `FrameType.scrapes`, or `blueKing` or `record` for an opaque metric. */
  readonly frameType: number;
  /** Data id of an opaque record. Unused for scrapes, whose id is the sequence number that the outbox gives them. */
  readonly id: bigint;
  /** Must not change after `push`. */
  readonly body: Uint8Array;
  /** Every shape that the body refers to, blocks before the layout that lists them. */
  readonly shapes: readonly EncodedShape[];
  readonly samples: number;
  /** Unix milliseconds of the oldest scrape in the record. */
  readonly timestampMs: number;
}
