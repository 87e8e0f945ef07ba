import { keyOfPath } from "../../core/config/key.ts";
import type { MetricDocument } from "../../core/config/schema.ts";
import type { TargetRow } from "../health/target_rows.ts";
import type { MetricPlace } from "./chain.ts";
import type { ExplainQuery, ExplainView } from "./explanation.ts";

/** A metric by its place, with what is known there. */
export interface KnownMetric {
  readonly place: MetricPlace;
  /** Null when no document is in force. */
  readonly document: MetricDocument | null;
  readonly rows: readonly TargetRow[];
}

/** Every metric within the query's cluster and namespace: in force, in a file that is refused, or only assigned. */
export function metricsWithin(query: ExplainQuery, view: ExplainView): KnownMetric[] {
  const documents = new Map(view.metrics.map((document) => [placeText(document.metadata), document]));
  const rows = Map.groupBy(view.targets, (row) => placeText(placeOfRow(row)));
  const files = view.files.flatMap(({ path }) => {
    const key = keyOfPath(path);
    return key?.kind === "Metric" ? [key] : [];
  });
  const places = [...view.metrics.map(({ metadata }) => metadata), ...files, ...view.targets.map(placeOfRow)];
  const known = new Map(places.filter((place) => isWithin(query, place)).map((place) => [placeText(place), place]));
  return [...known].map(([text, { clusterId, namespace, name }]) => ({
    place: { clusterId, namespace, name },
    document: documents.get(text) ?? null,
    rows: rows.get(text) ?? [],
  }));
}

/** Whether a place is one that the query asks about. */
export function isWithin(
  { cluster, namespace }: ExplainQuery,
  place: { readonly clusterId: string; readonly namespace: string },
): boolean {
  return (cluster === undefined || place.clusterId === cluster)
    && (namespace === undefined || place.namespace === namespace);
}

function placeOfRow({ cluster, namespace, metric }: TargetRow): MetricPlace {
  return { clusterId: cluster, namespace, name: metric };
}

/** `c1/shop/cart`; safe names hold no slash. */
export function placeText({ clusterId, namespace, name }: MetricPlace): string {
  return `${clusterId}/${namespace}/${name}`;
}
