import { z } from "zod";
import { systemPrefix } from "../../core/store/store.ts";

/**
 * A service's claim to lead, an entry of the store for each epoch: `.bcs-metric/leader/epoch-<n>.json`.
 *
 * - Whoever creates the entry of an epoch holds that epoch; nobody else ever does, and nobody else writes the entry.
 * - The highest epoch is the one in force. Its holder rewrites the entry as long as it leads, with one renewal more
 *   each time, and with `released` when it ends.
 * - Entries of lower epochs mean nothing any more; the leader removes them.
 */
export interface Claim {
  readonly epoch: number;
  /** Id of the service in the registry; "" when it died before it had written its claim. */
  readonly holder: string;
  /** Random for each start of a process; "" as above. */
  readonly instance: string;
  /** The holder's process, see `HolderProcesses`; "" when that is not known. */
  readonly process: string;
  /** How long others wait, without seeing a renewal, before they claim the next epoch; 0 when that is not known. */
  readonly leaseMs: number;
  readonly renewals: number;
  /** The holder has ended and leads no more. */
  readonly released: boolean;
}

export const claimsFolder = `${systemPrefix}leader/`;

const claimSchema = z.looseObject({
  epoch: z.int().min(1),
  holder: z.string(),
  instance: z.string(),
  process: z.string().default(""),
  leaseMs: z.number().min(1).max(3_600_000),
  renewals: z.int().min(0),
  released: z.boolean(),
});

export function claimPath(epoch: number): string {
  return `${claimsFolder}epoch-${epoch}.json`;
}

/** The epoch that a path stands for, or null when it is no claim's. */
export function epochOfPath(path: string): number | null {
  const digits = /^epoch-([1-9]\d{0,14})\.json$/.exec(path.slice(claimsFolder.length))?.[1];
  return path.startsWith(claimsFolder) && digits !== undefined ? Number(digits) : null;
}

export function writeClaim(claim: Claim): string {
  return `${JSON.stringify(claim, null, 2)}\n`;
}

/**
 * The claim that an entry holds. The path alone makes it a claim: one whose text was never written, or cannot be
 * read, is that of an unknown holder.
 */
export function readClaim(epoch: number, text: string): Claim {
  const unknown = { epoch, holder: "", instance: "", process: "", leaseMs: 0, renewals: 0, released: false };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return unknown;
  }
  const read = claimSchema.safeParse(value);
  return read.success ? { ...read.data, epoch } : unknown;
}
