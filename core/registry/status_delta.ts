import { z } from "zod";
import { type CollectorStatus, readStatus, type TargetStatus } from "./status.ts";

/**
 * What changed in a collector's status since an earlier report, so that a collector with thousands of targets does
 * not send all of them whenever one was scraped.
 */
export interface StatusDelta {
  /** `reportedAtMs` of the status that this one builds on. */
  readonly sinceMs: number;
  /** The status as it is now, with only those targets that are new or changed. */
  readonly status: CollectorStatus;
  /** Keys ({@link targetKey}) of the targets that are there no longer. */
  readonly removed: readonly string[];
}

const deltaSchema = z.object({ sinceMs: z.number(), status: z.unknown(), removed: z.array(z.string()) });

/** What a target is known by within the status of a collector. */
export function targetKey(
  { metric, address, endpoint }: Pick<TargetStatus, "metric" | "address" | "endpoint">,
): string {
  return `${metric} ${endpoint ?? address}`;
}

/** What leads from one status of a collector to a later one. */
export function diffStatus(before: CollectorStatus, now: CollectorStatus): StatusDelta {
  const known = new Map(before.targets.map((target) => [targetKey(target), JSON.stringify(target)]));
  const changed = now.targets.filter((target) => known.get(targetKey(target)) !== JSON.stringify(target));
  const present = new Set(now.targets.map(targetKey));
  const removed = [...known.keys()].filter((key) => !present.has(key));
  return { sinceMs: before.reportedAtMs, status: { ...now, targets: changed }, removed };
}

/** The status after a delta; null when the delta builds on another status than `before`. */
export function applyDelta(before: CollectorStatus, delta: StatusDelta): CollectorStatus | null {
  if (before.reportedAtMs !== delta.sinceMs || before.collector !== delta.status.collector) return null;
  const targets = new Map(before.targets.map((target) => [targetKey(target), target]));
  for (const key of delta.removed) targets.delete(key);
  for (const target of delta.status.targets) targets.set(targetKey(target), target);
  return { ...delta.status, targets: [...targets.values()] };
}

export type StatusReport =
  | { readonly type: "whole"; readonly status: CollectorStatus }
  | { readonly type: "delta"; readonly delta: StatusDelta };

/** The report that a text holds, which is a whole status or, when it has `sinceMs`, a delta; or why it holds none. */
export function readStatusReport(
  text: string,
): { readonly ok: true; readonly report: StatusReport } | { readonly ok: false; readonly reason: string } {
  const whole = readStatus(text);
  if (whole.ok) return { ok: true, report: { type: "whole", status: whole.status } };
  const delta = readDelta(text);
  return delta === null ? whole : delta;
}

function readDelta(text: string): ReturnType<typeof readStatusReport> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = deltaSchema.safeParse(value);
  if (!parsed.success) return null;
  const { sinceMs, removed } = parsed.data;
  const read = readStatus(JSON.stringify(parsed.data.status));
  if (!read.ok) return { ok: false, reason: `status.${read.reason}` };
  return { ok: true, report: { type: "delta", delta: { sinceMs, removed, status: read.status } } };
}
