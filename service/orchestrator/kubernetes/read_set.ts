import { z } from "zod";
import type { KubeObject } from "../../kubernetes/objects.ts";
import { defaultWorkloadName } from "../names.ts";
import type { Difference } from "../workload.ts";
import { annotations, collectorLabel } from "./collector_set.ts";
import { differences } from "./drift.ts";
import { setName } from "./kube_names.ts";
import { isObject, type JsonObject } from "./overlay.ts";

/** What is kept of a StatefulSet that is, or may become, a collector workload. */
export interface SetView {
  readonly namespace: string;
  /** Of the set. */
  readonly setName: string;
  readonly uid: string;
  /** Of the workload. */
  readonly workload: string;
  /** "" for one that was made from outside. */
  readonly clusterId: string;
  readonly replicas: number;
  readonly fingerprint: string;
  readonly replicasApplied: number | null;
  readonly drift: readonly Difference[];
}

const setSpec = z.looseObject({ replicas: z.int().default(1) });

/** Null for a StatefulSet that has nothing to do with collectors, and for one that is about to go. */
export function readSet(object: KubeObject): SetView | null {
  const { metadata } = object;
  const kept = metadata.annotations ?? {};
  const isCollectors = metadata.labels?.[collectorLabel] !== undefined || kept[annotations.fingerprint] !== undefined
    || metadata.name === setName(defaultWorkloadName(metadata.namespace));
  if (!isCollectors || metadata.deletionTimestamp !== undefined) return null;
  const spec = setSpec.safeParse(object["spec"]);
  const fingerprint = kept[annotations.fingerprint] ?? "";
  const replicas = Number(kept[annotations.replicas] ?? NaN);
  return {
    namespace: metadata.namespace,
    setName: metadata.name,
    uid: metadata.uid ?? "",
    workload: kept[annotations.workload] ?? metadata.name,
    clusterId: kept[annotations.clusterId] ?? "",
    replicas: spec.success ? spec.data.replicas : 1,
    fingerprint,
    replicasApplied: fingerprint === "" || !Number.isInteger(replicas) ? null : replicas,
    drift: driftOf(kept[annotations.applied], object as unknown as JsonObject),
  };
}

function driftOf(applied: string | undefined, found: JsonObject): Difference[] {
  if (applied === undefined) return [];
  try {
    const value: unknown = JSON.parse(applied);
    if (isObject(value)) return differences(value, found);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return [{ field: `annotations.${annotations.applied}`, applied: "", found: applied.slice(0, 100) }];
}
