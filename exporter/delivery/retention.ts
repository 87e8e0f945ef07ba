import type { WalPosition, WalSegment } from "../wal/wal.ts";

export interface RetentionLimits {
  /** Bytes of the log on disk; the newest segment stays in any case. */
  readonly bytes: number;
  /** Age of the newest record of a segment, in milliseconds. */
  readonly ageMs: number;
}

export const retentionDefault: RetentionLimits = { bytes: 10 * 1024 ** 3, ageMs: 7 * 86_400_000 };

/**
 * Up to where the log has to let go, whoever lacks it: the oldest segments go while the log has too many bytes, and
 * those that are too old. Null when it is within its limits.
 */
export function retentionCut(
  segments: readonly WalSegment[],
  limits: RetentionLimits,
  wallMs: number,
): WalPosition | null {
  let bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  let cut: WalPosition | null = null;
  for (const [index, segment] of segments.entries()) {
    const following = segments[index + 1];
    if (following === undefined) break;
    if (bytes <= limits.bytes && segment.newestAppendedMs >= wallMs - limits.ageMs) break;
    bytes -= segment.bytes;
    cut = following.start;
  }
  return cut;
}
