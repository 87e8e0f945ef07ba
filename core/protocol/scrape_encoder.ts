import type { ByteWriter } from "./bytes.ts";
import { codedMode, droppedFlag, predictedMsMax } from "./coded_scrapes.ts";
import { codedBytesMax, type Moved, ScratchBase, staleHigh, staleLow } from "./coded_values.ts";
import { EncoderBases, type KeptBase, type Span } from "./encoder_bases.ts";
import { sampleTimesFlag, type ScrapeView, viewScrapes } from "./scrapes.ts";
import { contentIdBytes } from "./shape.ts";
import { encodeValues } from "./values_encoder.ts";

/**
 * The sender's half of a session's coding (coded_scrapes.ts). It decides which bases are kept: each that there is room
 * for, one of a target's earlier layout in the place of that, and in the place of one that is out of use. When all are
 * in use, they stay and the others are coded without: evicting them in turn would leave nothing to code against.
 */
export class ScrapeEncoder {
  readonly #bases: EncoderBases;
  readonly #scratch = new ScratchBase();

  /** `budgetBytes`: what WELCOME grants for bases. */
  constructor(budgetBytes: number) {
    this.#bases = new EncoderBases(budgetBytes);
  }

  /** What the bases cost, in the terms of the grant. */
  get bytes(): number {
    return this.#bases.bytes;
  }

  /**
   * Appends the coded form of the body of a SCRAPES frame, which is to be sent now: what is encoded and not sent breaks
   * the session. `spansOf` gives the blocks of the record's layouts, by a layout's id, and is asked for new ones only.
   */
  encode(body: Uint8Array, spansOf: (layoutId: string) => readonly Span[], into: ByteWriter): void {
    const scrapes = viewScrapes(body);
    const plain = new DataView(body.buffer, body.byteOffset, body.byteLength);
    into.varint(scrapes.length);
    for (const scrape of scrapes) this.#write(scrape, this.#plan(scrape, plain, spansOf), plain, into);
  }

  #write(scrape: ScrapeView, plan: Plan, plain: DataView, into: ByteWriter): void {
    const { head, sampleCount, sampleTimes, valuesAt } = scrape;
    const dropped = this.#bases.takeDropped();
    const timesFlag = sampleTimes === null ? 0 : sampleTimesFlag;
    into.u8(plan.mode | timesFlag | (dropped.length === 0 ? 0 : droppedFlag));
    if (dropped.length > 0) into.varint(dropped.length);
    for (const slot of dropped) into.varint(slot);
    if (plan.mode !== codedMode.transient) into.varint(plan.kept.slot);
    if (plan.mode === codedMode.goesOn) into.signedVarint(plan.deltaMs);
    else into.raw(head).varint(sampleCount);
    if (plan.mode === codedMode.kept) {
      into.varint(plan.moves.length);
      for (const { from, to, count } of plan.moves) into.varint(from).varint(to).varint(count);
    }
    if (sampleTimes !== null) into.varint(sampleTimes.length).raw(sampleTimes);
    const base = plan.mode === codedMode.transient ? this.#scratch.take(sampleCount) : plan.kept.base;
    const view = into.room(4 + codedBytesMax(sampleCount));
    const checksumAt = into.length;
    into.endAt(encodeValues(base, plain, valuesAt, view, checksumAt + 4));
    view.setInt32(checksumAt, base.checksum);
  }

  #plan(scrape: ScrapeView, plain: DataView, spansOf: (layoutId: string) => readonly Span[]): Plan {
    const { head, timestampMs, sampleCount } = scrape;
    if (Math.abs(timestampMs) > predictedMsMax) return transient;
    const key = keyOf(plain, head.byteOffset - plain.byteOffset);
    const kept = this.#bases.get(key);
    if (kept?.base.scales.length === sampleCount) {
      const deltaMs = timestampMs - kept.lastMs - kept.intervalMs;
      if (Math.abs(deltaMs) <= predictedMsMax) {
        this.#bases.use(kept, timestampMs);
        return { mode: codedMode.goesOn, kept, deltaMs };
      }
    }
    // What marks series stale is said once.
    if (kept !== undefined || isStale(scrape, plain)) return transient;
    const layoutId = Buffer.from(head.buffer, head.byteOffset + contentIdBytes, contentIdBytes).toString("hex");
    const added = this.#bases.add(key, spansOf(layoutId), sampleCount, timestampMs);
    return added === null ? transient : { mode: codedMode.kept, ...added };
  }
}

type Plan =
  | { readonly mode: typeof codedMode.goesOn; readonly kept: KeptBase; readonly deltaMs: number }
  | { readonly mode: typeof codedMode.kept; readonly kept: KeptBase; readonly moves: readonly Moved[] }
  | { readonly mode: typeof codedMode.transient };

const transient: Plan = { mode: codedMode.transient };

/** Target and layout, 16 bits a character: a string from a Buffer takes several times as long. */
function keyOf(plain: DataView, at: number): string {
  return idKey(plain, at) + idKey(plain, at + contentIdBytes);
}

function idKey(plain: DataView, at: number): string {
  return String.fromCharCode(
    plain.getUint16(at),
    plain.getUint16(at + 2),
    plain.getUint16(at + 4),
    plain.getUint16(at + 6),
    plain.getUint16(at + 8),
    plain.getUint16(at + 10),
    plain.getUint16(at + 12),
    plain.getUint16(at + 14),
  );
}

function isStale({ sampleCount, valuesAt }: ScrapeView, plain: DataView): boolean {
  for (let at = valuesAt; at < valuesAt + sampleCount * 8; at += 8) {
    if (plain.getInt32(at, true) !== staleLow || plain.getInt32(at + 4, true) !== staleHigh) return false;
  }
  return true;
}
