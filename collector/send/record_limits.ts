import { frameBodyBytesMax } from "../../core/protocol/frame.ts";
import { entryCostBytes } from "./entry.ts";
import { shapeCostBytes } from "./held_shapes.ts";
import type { OutboundRecord } from "./outbox.ts";

/** What an exporter takes in shapes before the first frame that refers to them (docs/protocol.md, section 6). */
const shapeCountMax = 100_000;
const shapeBytesMax = 64 * 1024 * 1024;

/** Whether a record or one of its shapes fits no frame, or all of it not the budget: then it can never be sent. */
export function isTooLarge(record: OutboundRecord, budgetBytes: number): boolean {
  let shapeBytes = 0;
  let largest = record.body.length;
  for (const { body } of record.shapes) {
    shapeBytes += shapeCostBytes(body);
    largest = Math.max(largest, body.length);
  }
  return largest > frameBodyBytesMax || record.shapes.length > shapeCountMax || shapeBytes > shapeBytesMax
    || entryCostBytes(record) + shapeBytes > budgetBytes;
}
