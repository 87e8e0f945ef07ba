import type { Lost } from "../../core/protocol/session.ts";
import { lastOf, type Stored } from "./disk/run_reader.ts";
import { cutLoss, type Entry, lossEntry, lossOf } from "./entry.ts";
import type { HeldShapes } from "./held_shapes.ts";
import { type LossReason, lossReasons } from "./loss_reasons.ts";

/** What a place that was read back from disk comes to. */
export interface ReadBack {
  readonly last: number;
  /** To be sent; null when it is acknowledged. */
  readonly entry: Entry | null;
  /** Records that were held until now, and are so no longer, or in memory. */
  readonly records: number;
  readonly samples: number;
  /** Why these records are lost now, which nobody knew before; null when they are not. */
  readonly lost: LossReason | null;
}

/** `acknowledged`: up to this sequence an exporter has answered. The shapes of a record are retained. */
export function readBack(stored: Stored, acknowledged: number, shapes: HeldShapes): ReadBack {
  const last = lastOf(stored);
  const isAcknowledged = last <= acknowledged;
  if (stored.kind === "loss") {
    const reason = stored.isFound ? lossReasons.damaged : null;
    return lossReadBack(stored.lost, reason, acknowledged);
  }
  const { record } = stored;
  if (stored.shapes === null) {
    return lossReadBack(lossOf(last, record, lossReasons.shapeMissing), lossReasons.shapeMissing, acknowledged);
  }
  const { frameType, id, timestampMs, body, samples } = record;
  if (isAcknowledged) return { last, entry: null, records: 1, samples, lost: null };
  const place = { firstSequence: last, lastSequence: last, frameType, id, timestampMs, body, samples };
  const entry = { kind: "record", ...place, shapes: shapes.retainStored(stored.shapes) } as const;
  return { last, entry, records: 1, samples, lost: null };
}

/** `reason` is null when the loss was known before. */
function lossReadBack(lost: Lost, reason: LossReason | null, acknowledged: number): ReadBack {
  const last = lost.lastSequence;
  const [records, samples] = reason === null ? [0, 0] : [lost.records, lost.samples];
  if (last <= acknowledged) return { last, entry: null, records, samples, lost: null };
  return { last, entry: lossEntry(cutLoss(lost, acknowledged + 1)), records, samples, lost: reason };
}
