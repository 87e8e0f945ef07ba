import { type CollectorStatus, readStatus, statusPath, writeStatus } from "../../core/registry/status.ts";
import { applyDelta, readStatusReport, type StatusReport } from "../../core/registry/status_delta.ts";
import type { Store } from "../../core/store/store.ts";

export interface Place {
  readonly clusterId: string;
  readonly namespace: string;
}

export type TakenReport =
  | { readonly type: "taken" }
  /** The report is no status. */
  | { readonly type: "invalid"; readonly reason: string }
  /** The delta builds on a status that is not the last one: send the whole. */
  | { readonly type: "outdated" };

/**
 * Takes the report of a collector that has no volume, and puts it where one with a volume would have.
 * @throws what {@link Store.get} and {@link Store.put} do.
 */
export async function takeReport(store: Store, place: Place, collector: string, text: string): Promise<TakenReport> {
  const read = readStatusReport(text);
  if (!read.ok) return { type: "invalid", reason: read.reason };
  const { report } = read;
  const named = report.type === "whole" ? report.status.collector : report.delta.status.collector;
  if (named !== collector) {
    return { type: "invalid", reason: `it is the status of "${named}", and not of "${collector}"` };
  }
  const status = await wholeOf(store, place, report);
  if (status === null) return { type: "outdated" };
  await writeStatus(store, place, status);
  return { type: "taken" };
}

/** Each report names the one that it builds on, so that any service can take the next one. */
async function wholeOf(store: Store, place: Place, report: StatusReport): Promise<CollectorStatus | null> {
  if (report.type === "whole") return report.status;
  const { delta } = report;
  const entry = await store.get(statusPath(place.clusterId, place.namespace, delta.status.collector));
  const before = entry === null ? null : readStatus(entry.text);
  return before?.ok === true ? applyDelta(before.status, delta) : null;
}
