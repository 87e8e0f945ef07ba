import type { MetricDocument } from "../../core/config/schema.ts";
import { endpointOf } from "../../core/scrape/endpoint.ts";
import type { TargetRow } from "../health/target_rows.ts";
import { addressOf, type Candidate } from "../targets/candidate.ts";
import { resolveTargets } from "../targets/resolve.ts";
import type { Sources } from "../targets/sources.ts";
import type { Instance } from "./chain.ts";
import { isSelected, type Subject } from "./subjects.ts";

/**
 * Everything that a metric selects, and what is assigned for it without being selected any more.
 *
 * @param metric null when no document is in force.
 * @param rows those of the metric.
 */
export function instancesOf(
  metric: MetricDocument | null,
  subjects: readonly Subject[],
  sources: Sources,
  rows: readonly TargetRow[],
): Instance[] {
  const byEndpoint = new Map(
    rows.flatMap((row) => row.address === "" ? [] : [[row.endpoint ?? row.address, row] as const]),
  );
  const selected = metric === null ? [] : selectedBy(metric, subjects, sources).map(({ subject, candidate }) => {
    const endpoint = candidate !== undefined && "address" in candidate ? endpointOf(candidate) : "";
    return { subject, candidate, row: byEndpoint.get(endpoint) };
  });
  const matched = new Set(selected.map(({ row }) => row));
  const left = [...byEndpoint.values()].filter((row) => !matched.has(row))
    .map((row) => ({ subject: null, candidate: undefined, row }));
  return [...selected, ...left];
}

/** What a metric selects, with what the resolution makes of it. */
function selectedBy(metric: MetricDocument, subjects: readonly Subject[], sources: Sources) {
  const { targets, unresolved } = resolveTargets(metric, sources);
  const resolved = Map.groupBy<string, Candidate>([...targets, ...unresolved], ({ pod }) => pod);
  return subjects.filter((subject) => isSelected(metric, subject)).map((subject) => {
    const candidates = resolved.get(subject.pod) ?? [];
    const own = candidates.find((one) => "address" in one && isAt(one.foundAt ?? one.address, subject));
    return { subject, candidate: own ?? candidates.find((one) => "reason" in one) };
  });
}

/** Whether the address is one of the subject's, at whatever port. */
export function isAt(address: string, subject: Subject): boolean {
  return subject.hosts.some((host) => address.startsWith(addressOf(host, 0).slice(0, -1)));
}
