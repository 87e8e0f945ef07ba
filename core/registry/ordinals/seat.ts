import { z } from "zod";
import { parseJson } from "../../json.ts";
import { systemPrefix } from "../../store/store.ts";

/**
 * A claim to a number among the collectors of one workload: `.bcs-metric/ordinals/<workload>/<ordinal>-<epoch>.json`.
 *
 * - Whoever creates the entry of an epoch holds it; nobody else ever does, and nobody else writes the entry.
 * - Of a number the highest epoch is in force. Its holder rewrites the entry with one renewal more each time, and with
 *   `released` when it ends; it removes the lower ones.
 */
export interface Seat {
  readonly ordinal: number;
  readonly epoch: number;
  /** Random for each start of a process; "" when it died before it had written its claim. */
  readonly instance: string;
  /** How long others wait, without seeing a renewal, before they claim the next epoch; 0 when that is not known. */
  readonly leaseMs: number;
  readonly renewals: number;
  readonly released: boolean;
}

/** More collectors of one workload are not to be expected. */
export const ordinalMax = 9999;

const seatSchema = z.looseObject({
  instance: z.string(),
  leaseMs: z.number().min(1).max(3_600_000),
  renewals: z.int().min(0),
  released: z.boolean(),
});

/** A seat as it is said over HTTP. */
export const seatMessage = seatSchema.extend({
  leaseMs: z.number().min(0).max(3_600_000),
  ordinal: z.int().min(0).max(ordinalMax),
  epoch: z.int().min(1).max(999_999_999_999_999),
});

/** @param workload a safe name that no other workload has, as of `collectorId`. */
export function seatsFolder(workload: string): string {
  return `${systemPrefix}ordinals/${workload}/`;
}

export function seatPath(workload: string, { ordinal, epoch }: Pick<Seat, "ordinal" | "epoch">): string {
  return `${seatsFolder(workload)}${ordinal}-${epoch}.json`;
}

export function writeSeat({ instance, leaseMs, renewals, released }: Seat): string {
  return `${JSON.stringify({ instance, leaseMs, renewals, released }, null, 2)}\n`;
}

/** Null for a path that is no seat's. The path alone makes it one: a text that cannot be read is an unknown holder's. */
export function readSeat(workload: string, path: string, text: string): Seat | null {
  const [, ordinal, epoch] = /^(\d{1,4})-([1-9]\d{0,14})\.json$/.exec(path.slice(seatsFolder(workload).length)) ?? [];
  if (ordinal === undefined || epoch === undefined) return null;
  const place = { ordinal: Number(ordinal), epoch: Number(epoch) };
  const read = seatSchema.safeParse(parseJson(text));
  if (!read.success) return { ...place, instance: "", leaseMs: 0, renewals: 0, released: false };
  const { instance, leaseMs, renewals, released } = read.data;
  return { ...place, instance, leaseMs, renewals, released };
}
