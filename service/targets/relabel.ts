import type { MetricDocument } from "../../core/config/schema.ts";
import { messageOf } from "../../core/errors.ts";
import { type LabelMap, RelabelBoundError, Relabeler, type RelabelRule } from "../../core/relabel/mod.ts";
import { parseAddress } from "../../core/runtime/system_net.ts";
import type { Candidate, Found, Target } from "./candidate.ts";
import type { MetaLabels } from "./meta_labels.ts";

/**
 * Applies a metric's `relabelings` to what was found for it, as Prometheus does to its targets. What has no address
 * is left as it is; a target that is dropped, or left without a usable address, comes out with the reason.
 */
export function relabelCandidates(metric: MetricDocument, found: readonly Found[]): Candidate[] {
  const rules = metric.spec.relabelings;
  if (rules.length === 0) return found.map(({ candidate }) => candidate);
  const relabeler = new Relabeler(rules);
  return found.map((one) =>
    "reason" in one.candidate ? one.candidate : relabelTarget(metric, relabeler, one.candidate, one)
  );
}

function relabelTarget(metric: MetricDocument, relabeler: Relabeler, target: Target, { meta }: Found): Candidate {
  const refuse = (reason: string): Candidate => ({ pod: target.pod, reason, foundAt: target.address });
  const labels = labelsBefore(metric, target, meta());
  try {
    const dropping = relabeler.apply(labels);
    if (dropping !== null) return refuse(droppedBy(metric.spec.relabelings, dropping));
  } catch (error) {
    if (!(error instanceof RelabelBoundError)) throw error;
    return refuse(error.message);
  }
  const problem = problemOf(labels);
  return problem === null ? targetAfter(metric, target, labels) : refuse(problem);
}

function droppedBy(rules: readonly RelabelRule[], index: number): string {
  const { action, sourceLabels = [], regex = "" } = rules[index] ?? {};
  const comparison = action === "keep" || action === "drop" ? `, regex ${regex}` : "";
  const which = `${action ?? ""} on ${sourceLabels.join(", ") || "no label"}${comparison}`;
  return `dropped by relabelings[${index}] (${which})`;
}

function labelsBefore({ metadata, spec }: MetricDocument, target: Target, meta: MetaLabels): LabelMap {
  const parameters = Object.entries(spec.parameters).map(([name, value]) => [`__param_${name}`, value] as const);
  const labels = new Map([
    ...Object.entries(meta),
    ...Object.entries(target.labels),
    ...parameters,
    ["__address__", target.address],
    ["__scheme__", target.scheme ?? spec.scheme],
    ["__metrics_path__", spec.uri],
    ["cluster", metadata.clusterId],
    ["namespace", metadata.namespace],
    ["metric", metadata.name],
    ["pod", target.pod],
  ]);
  for (const [name, value] of labels) if (value === "") labels.delete(name);
  return labels;
}

function problemOf(labels: LabelMap): string | null {
  const address = labels.get("__address__") ?? "";
  const scheme = labels.get("__scheme__") ?? "";
  if (scheme !== "http" && scheme !== "https") return `relabelings leave the scheme "${scheme}"`;
  if (!(labels.get("__metrics_path__") ?? "").startsWith("/")) return "relabelings leave a path that begins with no /";
  try {
    parseAddress(address);
    return null;
  } catch (error) {
    return `relabelings leave no address: ${messageOf(error)}`;
  }
}

function targetAfter({ metadata, spec }: MetricDocument, target: Target, labels: LabelMap): Target {
  const address = labels.get("__address__") ?? "";
  const scheme = labels.get("__scheme__") === "https" ? "https" : "http";
  const uri = labels.get("__metrics_path__") ?? "";
  const parameters = Object.fromEntries(
    [...labels].flatMap(([name, value]) => name.startsWith("__param_") ? [[name.slice("__param_".length), value]] : []),
  );
  const sameParameters = JSON.stringify(sorted(parameters)) === JSON.stringify(sorted(spec.parameters));
  // The collector gives these by itself: only what differs has to be told.
  const given = new Map([
    ["cluster", metadata.clusterId],
    ["namespace", metadata.namespace],
    ["metric", metadata.name],
    ["pod", target.pod],
  ]);
  const own = [...labels].filter(([name, value]) => !name.startsWith("__") && given.get(name) !== value);
  return {
    address,
    pod: target.pod,
    ...(scheme === (target.scheme ?? spec.scheme) && target.scheme === undefined ? {} : { scheme }),
    ...(uri === spec.uri ? {} : { uri }),
    ...(sameParameters ? {} : { parameters }),
    ...(address === target.address ? {} : { foundAt: target.address }),
    labels: { ...Object.fromEntries(own), ...(target.pod !== "" && !labels.has("pod") ? { pod: "" } : {}) },
  };
}

function sorted(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).toSorted(([a], [b]) => a < b ? -1 : 1);
}
