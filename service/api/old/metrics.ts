import type { Context } from "hono";
import { z } from "zod";
import type { MetricDocument } from "../../../core/config/schema.ts";
import { mayRead } from "../auth.ts";
import { asOldError, type OldApiDeps, requireOld, writerOf } from "./answer.ts";
import { readJson } from "./body.ts";
import { collectionsFor, collectorCfgs } from "./collector_cfg.ts";
import { OldApiError } from "./envelope.ts";
import { decode, textField } from "./fields.ts";
import { referTls } from "./key_material.ts";
import { keyOf, keyProblem, namesIn } from "./keys.ts";
import { checkMetricDraft, type ClusterType, metricDraft } from "./metric_draft.ts";
import { type OldMetric, oldMetricOf, oldMetricsField } from "./old_metric.ts";

/** Sets every metric of the body, in its order, after all of them were found valid; the first failure ends it. */
export async function setMetrics(deps: OldApiDeps, context: Context): Promise<void> {
  const clusterType = clusterTypeOf(context);
  const metrics = decode(oldMetricsField, await readJson(context.req.raw));
  const named = metrics.map((metric, index) => ({ metric: present(metric, index), index }));
  for (const { metric } of named) {
    requireOld(context, { action: "write", clusterId: metric.clusterID, namespace: metric.namespace });
  }
  for (const { metric, index } of named) {
    await inMetric(metric, index, () => {
      checkMetricDraft(draftOf(deps, metric, clusterType), deps.frequencyMinSeconds);
    });
  }
  for (const { metric, index } of named) {
    // Made anew, since the same metric may stand in the list twice.
    const draft = draftOf(deps, metric, clusterType);
    const options = { key: keyOfMetric(metric), by: writerOf(context) };
    await inMetric(metric, index, () => keepKey(deps, metric));
    await inMetric(metric, index, () => deps.documents.put(draft, options));
  }
}

/** Removes the metrics of the list `name`; one that is not there, or cannot be, is a success. */
export async function deleteMetrics(deps: OldApiDeps, context: Context): Promise<void> {
  clusterTypeOf(context);
  const place = keyOf(context, "Metric");
  requireOld(context, { action: "write", ...place });
  const names = namesIn(context.req.query("name") ?? "");
  if (names.length === 0) throw new OldApiError("deleteMetric", "the query parameter name lists no metric");
  for (const name of names) {
    const key = { ...place, name };
    if (keyProblem(key) === null) await deps.documents.delete(key, { by: writerOf(context) });
  }
}

const metricQueryField = z.object({
  clusterID: z.array(textField).nullish().transform((value) => value ?? []),
  name: textField,
});

/** The metrics of the clusters, of any namespace; all of them, or those of the list `name`. */
export async function queryMetrics(deps: OldApiDeps, context: Context) {
  const query = decode(metricQueryField, await readJson(context.req.raw));
  const names = new Set(namesIn(query.name));
  return query.clusterID
    .flatMap((clusterId) => deps.documents.list({ kind: "Metric", clusterId }))
    .filter(({ key }) => names.size === 0 || names.has(key.name))
    .filter(({ key }) => mayRead(context, key.clusterId, key.namespace))
    .map(({ document }) => oldMetricOf(document));
}

/** What a collector is to scrape. The old service looked neither at the cluster's type nor at the collector's name. */
export function getCollector(deps: OldApiDeps, context: Context) {
  const { clusterId, namespace, name } = keyOf(context, "Collection");
  requireOld(context, { action: "read", clusterId, namespace });
  const all = deps.documents.list({ kind: "Collection", clusterId, namespace }).map(({ document }) => document);
  return collectorCfgs(collectionsFor(name, all), deps.clock.wallMs());
}

const clusterTypes: readonly ClusterType[] = ["mesos", "k8s", "bcs-components"];

/** @throws OldApiError `unknownClusterType` */
function clusterTypeOf(context: Context): ClusterType {
  const stated = context.req.param("clusterType") ?? "";
  const known = clusterTypes.find((type) => type === stated.toLowerCase());
  if (known !== undefined) return known;
  throw new OldApiError("unknownClusterType", `"${stated}"; the types are ${clusterTypes.join(", ")}`);
}

/** @throws OldApiError `invalidMetric` for what names no document. */
function present(metric: OldMetric | null, index: number): OldMetric {
  if (metric === null) throw new OldApiError("invalidMetric", `No.${index} is null`);
  const problem = keyProblem(keyOfMetric(metric));
  if (problem !== null) throw new OldApiError("invalidMetric", `No.${index}: ${problem}`);
  return metric;
}

function keyOfMetric({ clusterID, namespace, name }: OldMetric) {
  return { clusterId: clusterID, kind: "Metric", namespace, name } as const;
}

function draftOf(deps: OldApiDeps, metric: OldMetric, clusterType: ClusterType) {
  const existing: MetricDocument | null = deps.documents.get(keyOfMetric(metric))?.document ?? null;
  const { tls: tlsConfig } = referTls(metric.tlsConfig, deps.keys !== undefined);
  return metricDraft({ ...metric, tlsConfig }, clusterType, existing);
}

/** Stores a key that came itself. It comes first: a document that names a key which is not there would fail scrapes. */
async function keepKey(
  { keys, log }: OldApiDeps,
  { tlsConfig, clusterID: cluster, namespace }: OldMetric,
): Promise<void> {
  const { key } = referTls(tlsConfig, keys !== undefined);
  if (key === null || keys === undefined) return;
  try {
    await keys.store({ cluster, namespace }, key.name, key.pem);
  } catch (error) {
    log.error({ err: error, cluster, namespace, name: key.name }, "cannot store a key among the secrets");
    throw new OldApiError("setMetric", "the key cannot be stored; the service's log has the reason");
  }
}

/** Runs `work`, and adds to its error which metric of the list it is about. */
async function inMetric(metric: OldMetric, index: number, work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    const known = asOldError(error, "setMetric");
    if (known === null) throw error;
    throw new OldApiError(known.error, `No.${index} (${metric.namespace}/${metric.name}): ${known.detail}`);
  }
}
