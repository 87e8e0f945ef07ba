/**
 * Opaque records of the original collector that hold samples: those with a `prometheus` part.
 *
 * ```
 * {"@timestamp": "2024-05-01T10:00:00.123Z", "dataid": 1500001,
 *  "objmeta": {"name": "cart-0", "namespace": "shop", "clusterName": "BCS-K8S-00001", "ip": "10.0.0.1", …},
 *  "prometheus": {"collector": {"metrics": [{"key": "up", "labels": {"job": "cart"}, "value": 1}, …]}}}
 * ```
 *
 * Each metric becomes a sample named by its key, with its own labels over these of objmeta: `cluster` (clusterName),
 * `namespace`, `pod` (name) and `instance` (ip). The labels and annotations of objmeta are left out: they are those of
 * the workload, not of the series. The time is `@timestamp`, else that of the frame.
 */

import { z } from "zod";
import type { Label } from "../../core/protocol/shape.ts";
import type { OpaqueRecord } from "../sink.ts";
import { materializeLabels } from "./materialize.ts";

export interface Expanded {
  readonly samples: readonly ExpandedSample[];
  /** Metrics without a name or without a number. */
  readonly skipped: number;
}

export interface ExpandedSample {
  /** Materialised: sorted, `__name__` among them. */
  readonly labels: readonly Label[];
  readonly value: number;
  readonly timestampMs: number;
}

const recordSchema = z.looseObject({
  "@timestamp": z.unknown().optional(),
  objmeta: z.record(z.string(), z.unknown()).optional().catch(undefined),
  prometheus: z.looseObject({ collector: z.looseObject({ metrics: z.array(z.unknown()) }) }),
});
const metricSchema = z.looseObject({
  key: z.string().min(1),
  labels: z.record(z.string(), z.string()).nullish(),
  value: z.number(),
});

const objmetaLabels = [["clusterName", "cluster"], ["namespace", "namespace"], ["name", "pod"], [
  "ip",
  "instance",
]] as const;

/** The samples of a record, or null when it is no JSON with a `prometheus` part. */
export function expandRecord(opaque: OpaqueRecord): Expanded | null {
  const record = recordSchema.safeParse(parseJson(opaque.record)).data;
  if (record === undefined) return null;
  const labels = targetLabels(record.objmeta ?? {});
  const timestampMs = recordTime(record["@timestamp"]) ?? opaque.timestampMs;
  const { metrics } = record.prometheus.collector;
  const samples: ExpandedSample[] = [];
  for (const one of metrics) {
    const metric = metricSchema.safeParse(one).data;
    if (metric === undefined) continue;
    const own = Object.entries(metric.labels ?? {}).map(([name, value]) => ({ name, value }));
    const series = { name: metric.key, labels: own };
    samples.push({ labels: materializeLabels(series, { labels }), value: metric.value, timestampMs });
  }
  return { samples, skipped: metrics.length - samples.length };
}

function targetLabels(objmeta: Readonly<Record<string, unknown>>): Label[] {
  return objmetaLabels.flatMap(([key, name]) => {
    const value = objmeta[key];
    return typeof value === "string" ? [{ name, value }] : [];
  });
}

function recordTime(value: unknown): number | null {
  const timeMs = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(timeMs) ? null : timeMs;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
