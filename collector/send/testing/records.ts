import { FrameType } from "../../../core/protocol/frame.ts";
import { encodeScrapes } from "../../../core/protocol/scrapes.ts";
import { encodeBlock, type EncodedShape, encodeLayout, encodeTarget } from "../../../core/protocol/shape.ts";
import type { OutboundRecord } from "../outbox.ts";

/** What the targets of an application expose: a layout of `blockCount` blocks with one series each. */
export interface TestLayout {
  readonly layout: EncodedShape;
  readonly blocks: readonly EncodedShape[];
}

export function testLayout(name: string, blockCount: number): TestLayout {
  const blocks = Array.from({ length: blockCount }, (_, index) => {
    const family = `${name}_${index}`;
    return encodeBlock({ family, type: "gauge", help: "", unit: "" }, [{ name: family, labels: [] }]);
  });
  return { layout: encodeLayout(blocks.map(({ shape }) => shape.id)), blocks };
}

export function testTarget(instance: string): EncodedShape {
  return encodeTarget(0, [{ name: "instance", value: instance }]);
}

/** A record of one scrape; its time, in milliseconds, tells it from others. */
export function scrapeRecord(timestampMs: number, target: EncodedShape, layout: TestLayout): OutboundRecord {
  const samples = layout.blocks.length;
  const body = encodeScrapes([{
    targetId: target.shape.id,
    layoutId: layout.layout.shape.id,
    timestampMs,
    values: new Float64Array(samples).fill(timestampMs),
    sampleTimesMs: null,
  }]);
  const shapes = [target, ...layout.blocks, layout.layout];
  return { frameType: FrameType.scrapes, id: 0n, body, shapes, samples, timestampMs };
}

/** A record of an opaque metric, with its time as text and padding up to `bodyBytes`. */
export function opaqueRecord(timestampMs: number, bodyBytes = 0): OutboundRecord {
  const body = new TextEncoder().encode(String(timestampMs).padEnd(bodyBytes));
  return { frameType: FrameType.record, id: 1_500_001n, body, shapes: [], samples: 0, timestampMs };
}

/** The time of a record that one of the above has made. */
export function recordTimeMs(body: Uint8Array, scrapeTimestampMs?: number): number {
  return scrapeTimestampMs ?? Number(new TextDecoder().decode(body));
}
