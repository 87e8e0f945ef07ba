import type { FileStatus } from "../../core/config/catalog.ts";
import { formatProblem } from "../../core/config/document.ts";
import type { MetricDocument } from "../../core/config/schema.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import type { TargetRow } from "../health/target_rows.ts";
import type { Candidate } from "../targets/candidate.ts";
import type { WorkloadRow } from "../workloads/workload_rows.ts";
import type { Step } from "./explanation.ts";
import { mismatchReason } from "./near_misses.ts";
import type { Subject } from "./subjects.ts";

/**
 * Whether the metric is in force, and whether its file is.
 *
 * @param isAssigned whether a collector has something of it: that outlives a file which is refused.
 */
export function definitionStep(
  path: string,
  metric: MetricDocument | null,
  file: FileStatus | undefined,
  isAssigned: boolean,
): Step {
  const problems = file?.problems ?? [];
  const [first] = problems;
  const refused = first === undefined ? "" : `: ${formatProblem(first)}`;
  if (metric === null) {
    if (first === undefined) return { step: "definition", ok: false, detail: `there is no ${path}` };
    return isAssigned
      ? { step: "definition", ok: true, detail: `what was assigned stays; the file is refused${refused}`, problems }
      : { step: "definition", ok: false, detail: `the file is refused${refused}`, problems };
  }
  const version = `version "${metric.spec.version}"`;
  if (first === undefined) return { step: "definition", ok: true, detail: `${version} of ${path} is in force` };
  const detail = `${version} stays in force; the file as it is now is refused${refused}`;
  return { step: "definition", ok: true, detail, problems };
}

export function selectorStep(metric: MetricDocument, subject: Subject): Step {
  const reason = mismatchReason(metric, subject);
  if (reason !== "") return { step: "selector", ok: false, detail: reason };
  const pairs = Object.entries(metric.spec.selector).map(([label, value]) => `${label}=${value}`);
  const detail = pairs.length === 0
    ? `the metric has no selector: it selects ${subject.title} and all others`
    : `${subject.title} has ${pairs.join(", ")}`;
  return { step: "selector", ok: true, detail };
}

/** Whether the instance, as its source tells of it, is one to be scraped. */
export function discoveryStep(subject: Subject): Step {
  if (subject.phase !== "" && subject.phase !== "Running") {
    return { step: "discovery", ok: false, detail: `${subject.title} is in phase "${subject.phase}", not Running` };
  }
  const detail = subject.phase === "" ? `${subject.title} is known` : `${subject.title} is Running`;
  return { step: "discovery", ok: true, detail };
}

export function addressStep(candidate: Candidate | undefined): Step {
  if (candidate === undefined) {
    return { step: "address", ok: false, detail: "another instance is scraped at its address" };
  }
  if (candidate.foundAt !== undefined) return { step: "address", ok: true, detail: candidate.foundAt };
  return "reason" in candidate
    ? { step: "address", ok: false, detail: candidate.reason }
    : { step: "address", ok: true, detail: candidate.address };
}

/** What the metric's relabelings make of the target; null without any. */
export function relabelStep(metric: MetricDocument, candidate: Candidate | undefined): Step | null {
  if (candidate === undefined || metric.spec.relabelings.length === 0) return null;
  if ("reason" in candidate) return { step: "relabelling", ok: false, detail: candidate.reason };
  const { address, foundAt, uri, labels } = candidate;
  const pairs = Object.entries(labels).map(([name, value]) => value === "" ? `no ${name}` : `${name}="${value}"`);
  const changes = [
    ...(foundAt === undefined ? [] : [`the address ${address}`]),
    ...(uri === undefined ? [] : [`the path ${uri}`]),
    ...pairs,
  ];
  const detail = `it is kept, with ${changes.length === 0 ? "nothing changed" : changes.join(", ")}`;
  return { step: "relabelling", ok: true, detail };
}

export function assignmentStep(row: TargetRow | undefined): Step {
  if (row === undefined) {
    return { step: "assignment", ok: null, detail: "it has not been given to a collector yet" };
  }
  if (row.collector === "") return { step: "assignment", ok: false, detail: row.error };
  const { movesTo } = row;
  const moving = movesTo === null ? "" : `; ${movesTo.collector} takes it over at ${timeOf(movesTo.atMs)}`;
  const detail = `${row.collector} has it, in generation ${row.generation}${moving}`;
  return { step: "assignment", ok: true, detail };
}

/** Whether the owner runs, and has taken the assignment that holds the target. */
export function collectorStep(
  row: TargetRow,
  collector: CollectorRow | undefined,
  workload: WorkloadRow | undefined,
): Step {
  const name = row.collector;
  if (collector === undefined || !collector.alive) {
    const detail = `collector ${name} is not running${stateOf(collector)}${workloadText(workload)}`;
    return { step: "collector", ok: false, detail };
  }
  if (row.appliedGeneration < row.generation) {
    const applied = row.appliedGeneration === 0 ? "no generation" : `generation ${row.appliedGeneration}`;
    const detail = `collector ${name} has applied ${applied}, the target needs generation ${row.generation}`;
    return { step: "collector", ok: false, detail };
  }
  const detail = `${name} is running and has applied generation ${row.appliedGeneration}`;
  return { step: "collector", ok: true, detail };
}

/** How the workload stands that is to run the collector. */
function workloadText(workload: WorkloadRow | undefined): string {
  if (workload === undefined || workload.state === "ok") return "";
  const { name, state, problem, image, drift, replicasWished, replicasApplied, replicasFound } = workload;
  const numbers = `${replicasWished ?? "no"} replicas wished, ${replicasApplied ?? "none"} applied, `
    + `${replicasFound ?? "none"} found`;
  const details = [
    numbers,
    ...image === "" ? [] : [`image ${image}`],
    ...drift.length === 0 ? [] : [`changed by hand: ${drift.map(({ field }) => field).join(", ")}`],
    ...problem === "" ? [] : [problem],
  ];
  return `; workload ${name} is ${state}: ${details.join("; ")}`;
}

function stateOf(collector: CollectorRow | undefined): string {
  if (collector === undefined) return ": nobody knows it";
  const { state, restarts, lastEnd } = collector;
  const ended = lastEnd === "" ? "" : `, its last run ended: ${lastEnd}`;
  return `: state ${state}, ${restarts} restarts${ended}`;
}

export function scrapeStep(row: TargetRow, nowMs: number): Step {
  if (row.health === "unknown" || row.lastScrapeMs === 0) {
    return { step: "last scrape", ok: null, detail: row.error === "" ? "it has not been scraped yet" : row.error };
  }
  const when = `${ageOf(nowMs - row.lastScrapeMs)} ago`;
  if (row.health === "up") {
    const detail = `${row.samples} samples in ${Math.round(row.durationMs)} ms, ${when}`;
    return { step: "last scrape", ok: true, detail };
  }
  return { step: "last scrape", ok: false, detail: `${row.error} (${when})` };
}

function timeOf(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
