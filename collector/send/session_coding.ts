import type { ByteWriter } from "../../core/protocol/bytes.ts";
import type { Span } from "../../core/protocol/encoder_bases.ts";
import { ScrapeEncoder } from "../../core/protocol/scrape_encoder.ts";
import { blockSeriesCount } from "../../core/protocol/shape.ts";
import type { HeldShape } from "./held_shapes.ts";

/** Larger bodies go as they are: coded, one that cannot be made smaller would not fit a frame. */
const codedBodyBytesMax = 12 * 1024 * 1024;

/** Codes the scrapes of one session; what is held for the next one stays as it is. */
export class SessionCoding {
  readonly #encoder: ScrapeEncoder;

  /** `baseBytes`: what WELCOME grants. */
  constructor(baseBytes: number) {
    this.#encoder = new ScrapeEncoder(baseBytes);
  }

  /** Memory of the values that are coded against. */
  get bytes(): number {
    return this.#encoder.bytes;
  }

  takes(body: Uint8Array): boolean {
    return body.length <= codedBodyBytesMax;
  }

  /** Appends the coded form of a SCRAPES body that is sent now, and refers to these shapes. */
  encode(body: Uint8Array, shapes: readonly HeldShape[], into: ByteWriter): void {
    this.#encoder.encode(body, (layoutId) => spansOf(layoutId, shapes), into);
  }
}

function spansOf(layoutId: string, shapes: readonly HeldShape[]): Span[] {
  const byId = new Map(shapes.map((shape) => [shape.id, shape]));
  return (byId.get(layoutId)?.blocks ?? []).map((id) => {
    const block = byId.get(id);
    return { id, count: block === undefined ? 0 : blockSeriesCount(block.body) };
  });
}
