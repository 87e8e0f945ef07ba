import { type Frame, FrameType } from "../../core/protocol/frame.ts";
import { encodeScrapes } from "../../core/protocol/scrapes.ts";
import { encodeHello, encodeLost, type Hello } from "../../core/protocol/session.ts";
import { decodeShape, encodeBlock, encodeLayout, encodeTarget, type Shape } from "../../core/protocol/shape.ts";
import type { ShapeTable } from "../wal/wal.ts";

/** Frames of one small collector, for tests: one target that exposes one family of two series. */
export const block = encodeBlock({ family: "up", type: "gauge", help: "", unit: "" }, [
  { name: "up", labels: [] },
  { name: "up", labels: [{ name: "a", value: "b" }] },
]);
export const layout = encodeLayout([block.shape.id]);
export const target = encodeTarget(7, [{ name: "instance", value: "127.0.0.1:1" }]);

export const identity = { cluster: "c1", namespace: "shop", name: "collector-0" };

export function frame(type: number, id: number | bigint, body: Uint8Array = new Uint8Array(0)): Frame {
  return { type, id: BigInt(id), timestampNs: 1n, body };
}

export function helloFrame(changes: Partial<Hello> = {}): Frame {
  const hello = { ...identity, epoch: 5n, nextSequence: 1, token: "", ...changes };
  return frame(FrameType.hello, 0, encodeHello(hello));
}

/** The shapes that `scrapesFrame` refers to. */
export const shapeFrames: readonly Frame[] = [
  frame(FrameType.schema, 0, block.body),
  frame(FrameType.schema, 0, layout.body),
  frame(FrameType.target, 0, target.body),
];

export function scrapesFrame(sequence: number, values: readonly number[] = [sequence, 0]): Frame {
  const body = encodeScrapes([{
    targetId: target.shape.id,
    layoutId: layout.shape.id,
    timestampMs: 1_700_000_000_000 + sequence,
    values: Float64Array.from(values),
    sampleTimesMs: null,
  }]);
  return frame(FrameType.scrapes, sequence, body);
}

export function lostFrame(firstSequence: number, lastSequence: number): Frame {
  const records = lastSequence - firstSequence + 1;
  const times = { oldestMs: 1, newestMs: 2 };
  const lost = { firstSequence, lastSequence, records, samples: records * 2, ...times, reason: "spool full" };
  return frame(FrameType.lost, lastSequence, encodeLost(lost));
}

/** A table that keeps everything, and can be made to forget. */
export class FakeShapeTable implements ShapeTable {
  readonly #shapes = new Map<string, Shape>();

  get(id: string): Shape | undefined {
    return this.#shapes.get(id);
  }

  add(body: Uint8Array): Shape {
    const shape = decodeShape(body);
    this.#shapes.set(shape.id, shape);
    return shape;
  }

  missing(targetId: string, layoutId: string): string[] {
    const layoutShape = this.get(layoutId);
    const blocks = layoutShape?.kind === "layout" ? layoutShape.blocks : [];
    const missing = blocks.filter((id) => this.get(id)?.kind !== "block");
    if (this.get(targetId)?.kind !== "target") missing.unshift(targetId);
    if (layoutShape?.kind !== "layout") missing.push(layoutId);
    return missing;
  }

  forget(id: string): void {
    this.#shapes.delete(id);
  }
}
