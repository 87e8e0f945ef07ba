import { MalformedError } from "../../core/protocol/bytes.ts";
import { FrameType } from "../../core/protocol/frame.ts";
import type { ScrapeSummary } from "../../core/protocol/scrapes.ts";
import { type ContentId, contentIdBytes, type Layout } from "../../core/protocol/shape.ts";
import { seriesCountOf } from "../../core/protocol/stored_block.ts";
import type { ShapeTable } from "../wal/wal.ts";
import { unknownIdsMax, unusedShapeBytesMax, unusedShapesMax } from "./limits.ts";
import { ProtocolError, type SessionState } from "./session_state.ts";

const targetKindCode = 3;

/**
 * Takes the body of a SCHEMA or TARGET frame.
 * @throws MalformedError or ProtocolError when it is not a shape, or nothing refers to too many of them.
 */
export function takeShape(state: SessionState, frameType: number, body: Uint8Array): void {
  if (body.length < 1 + contentIdBytes) throw new MalformedError(`Cannot read shape: ${body.length} bytes`);
  const isTarget = body[0] === targetKindCode;
  if (isTarget !== (frameType === FrameType.target)) {
    throw new ProtocolError("shape_kind", `Cannot take shape of kind ${body[0]} in a frame of type ${frameType}`);
  }
  const id = Buffer.from(body.buffer, body.byteOffset + 1, contentIdBytes).toString("hex");
  const { shapes } = state.context;
  if (shapes.get(id) !== undefined) {
    // No more memory than before; the table only notes that it is in use again.
    shapes.add(body);
    return;
  }
  if (state.unusedShapes.size >= unusedShapesMax || state.unusedShapeBytes + body.length > unusedShapeBytesMax) {
    const count = `${state.unusedShapes.size} shapes (${state.unusedShapeBytes} bytes)`;
    throw new ProtocolError("unused_shapes", `Cannot take another shape: no record refers to ${count} before it`);
  }
  shapes.add(new Uint8Array(body));
  // The table may have forgotten it since this connection sent it for the first time.
  forgetUnused(state, id);
  state.unusedShapes.set(id, body.length);
  state.unusedShapeBytes += body.length;
}

/** What a SCRAPES body needs and holds. */
export interface Inspection {
  /** Shapes that the table lacks; the blocks of a missing layout are not among them. */
  readonly missing: ReadonlySet<ContentId>;
  readonly samples: number;
}

/**
 * Checks that every shape that the scrapes refer to is known and of the right kind, and that each scrape has as many
 * samples as its layout has series.
 * @throws ProtocolError when a kind or a count is wrong.
 */
export function inspectScrapes(summaries: readonly ScrapeSummary[], shapes: ShapeTable): Inspection {
  const missing = new Set<ContentId>();
  let samples = 0;
  for (const { targetId, layoutId, sampleCount } of summaries) {
    const absent = shapes.missing(targetId, layoutId);
    for (const id of absent) noteMissing(id, shapes, missing);
    if (absent.length > 0) continue;
    const seriesCount = countSeries(layoutId, shapes);
    if (seriesCount !== sampleCount) {
      const has = `the ${seriesCount} series of layout "${layoutId}"`;
      throw new ProtocolError("sample_count", `Cannot take scrape with ${sampleCount} samples for ${has}`);
    }
    samples += sampleCount;
  }
  return { missing, samples };
}

/** A record refers to these shapes from now on, so they no longer count against the connection. */
export function markUsed(state: SessionState, summaries: readonly ScrapeSummary[]): void {
  for (const { targetId, layoutId } of summaries) {
    if (state.unusedShapes.size === 0) return;
    forgetUnused(state, targetId);
    forgetUnused(state, layoutId);
    const layout = state.context.shapes.get(layoutId);
    if (layout?.kind !== "layout") continue;
    for (const block of layout.blocks) forgetUnused(state, block);
  }
}

/** A layout's content never changes, so neither does its number of series: its blocks are counted once. */
const seriesCounts = new WeakMap<Layout, number>();

/** The number of series of a layout that is known with all its blocks. */
function countSeries(layoutId: ContentId, shapes: ShapeTable): number {
  const layout = shapes.get(layoutId);
  if (layout?.kind !== "layout") throw new Error(`Layout "${layoutId}" is known`);
  let count = seriesCounts.get(layout);
  if (count !== undefined) return count;
  count = 0;
  for (const blockId of layout.blocks) {
    const block = shapes.get(blockId);
    if (block?.kind !== "block") throw new Error(`Block "${blockId}" is known`);
    count += seriesCountOf(block);
  }
  seriesCounts.set(layout, count);
  return count;
}

/** @throws ProtocolError when the id is that of a shape of another kind: sending it again would not help. */
function noteMissing(id: ContentId, shapes: ShapeTable, missing: Set<ContentId>): void {
  const found = shapes.get(id);
  if (found !== undefined) {
    throw new ProtocolError("shape_kind", `Cannot take ${found.kind} "${id}" where another kind of shape belongs`);
  }
  if (missing.size < unknownIdsMax) missing.add(id);
}

function forgetUnused(state: SessionState, id: ContentId): void {
  const bytes = state.unusedShapes.get(id);
  if (bytes === undefined) return;
  state.unusedShapes.delete(id);
  state.unusedShapeBytes -= bytes;
}
