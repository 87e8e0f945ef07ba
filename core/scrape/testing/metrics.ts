import { type CollectionMetric, type CollectionTarget, documentSchemas } from "../../config/schema.ts";

/** A metric of a collection with the schema's defaults, for tests. */
export function testMetric(
  fields: Partial<Record<keyof CollectionMetric, unknown>> = {},
  targets: readonly Partial<CollectionTarget>[] = [],
): CollectionMetric {
  const document = documentSchemas.Collection.parse({
    apiVersion: "bcs-metric/v1",
    kind: "Collection",
    metadata: { clusterId: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop-0" },
    spec: {
      generation: 1,
      digest: "",
      metrics: [{ name: "cart", version: "1", uri: "/metrics", frequency: 1, ...fields, targets }],
    },
  });
  const [metric] = document.spec.metrics;
  if (metric === undefined) throw new Error("Cannot make a metric for a test");
  return metric;
}

export function testTarget(fields: Partial<CollectionTarget> & { readonly address: string }): CollectionTarget {
  return { pod: "", labels: {}, ...fields };
}
