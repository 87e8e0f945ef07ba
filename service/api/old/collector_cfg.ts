import {
  type CollectionDocument,
  type CollectionMetric,
  type CollectionTarget,
  timeoutSeconds,
} from "../../../core/config/schema.ts";
import { queryOf } from "../../../core/scrape/endpoint.ts";
import { objectMeta } from "./object_meta.ts";
import { cleanUri, tlsConfigOf, wholeSeconds } from "./old_metric.ts";

/**
 * The configuration of a collector as old ones get it: for each metric of its collections the targets that are to be
 * scraped at `nowMs`, metrics by name and targets by address. An old collector compares the versions of the single
 * items; that of the whole, the highest generation, is for people. It is "" when there is no collection.
 */
export function collectorCfgs(collections: readonly CollectionDocument[], nowMs: number) {
  const generation = Math.max(0, ...collections.map(({ spec }) => spec.generation));
  const byMetric = Map.groupBy(
    collections.flatMap(({ metadata, spec }) => spec.metrics.map((metric) => ({ metric, ...metadata }))),
    ({ metric }) => metric.name,
  );
  const metrics = [...byMetric].toSorted(([a], [b]) => a < b ? -1 : 1);
  return {
    version: generation === 0 ? "" : String(generation),
    cfgs: metrics.map(([, parts]) =>
      parts.flatMap(({ metric, namespace }) => cfgsOf(metric, namespace, nowMs))
        .toSorted((a, b) => a.cfgKey < b.cfgKey ? -1 : a.cfgKey > b.cfgKey ? 1 : 0)
    ),
  };
}

/**
 * Which collections a collector asks for by name: that of one instance, those of the instances of a workload, or, as
 * the old service had it for every name, all of the namespace.
 */
export function collectionsFor(name: string, all: readonly CollectionDocument[]): readonly CollectionDocument[] {
  const exact = all.filter(({ metadata }) => metadata.name === name);
  if (exact.length > 0) return exact;
  const ofWorkload = all.filter(({ metadata }) => isInstanceOf(metadata.name, name));
  return ofWorkload.length > 0 ? ofWorkload : all;
}

function isInstanceOf(instance: string, workload: string): boolean {
  return instance.startsWith(`${workload}-`) && /^\d+$/.test(instance.slice(workload.length + 1));
}

function cfgsOf(metric: CollectionMetric, namespace: string, nowMs: number) {
  return metric.targets.filter((target) => isOwned(target, nowMs)).map((target) => cfgOf(metric, target, namespace));
}

/** A target that changes hands stands in two collections; each says when it is its own. */
function isOwned({ fromMs, untilMs }: CollectionTarget, nowMs: number): boolean {
  return (fromMs === undefined || fromMs <= nowMs) && (untilMs === undefined || nowMs < untilMs);
}

function cfgOf(metric: CollectionMetric, target: CollectionTarget, namespace: string) {
  const scheme = target.scheme ?? metric.scheme;
  const portAt = target.address.lastIndexOf(":");
  const address = `${scheme}://${target.address}${cleanUri(target.uri ?? metric.uri)}`;
  // Old collectors tell items apart by their keys: of several targets at one address each needs its own.
  const own = target.parameters === undefined ? "" : `?${queryOf(target.parameters)}`;
  return {
    cfgKey: `${metric.name}_${address}${own}`,
    version: metric.version,
    meta: objectMeta({ name: target.pod, namespace, labels: target.labels }),
    dataid: metric.dataId,
    ip: target.address.slice(0, portAt).replace(/^\[(.*)\]$/, "$1"),
    port: Number(target.address.slice(portAt + 1)),
    scheme,
    address,
    head: metric.head,
    parameters: target.parameters ?? metric.parameters,
    method: metric.method,
    frequency: metric.frequency,
    timeout: wholeSeconds(timeoutSeconds(metric)),
    tlsConfig: tlsConfigOf(scheme, metric.tls),
    metricType: metric.metricType,
    constLabels: metric.constLabels,
  };
}
