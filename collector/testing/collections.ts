import { writeCollection } from "../../core/config/collection.ts";
import type { CollectionMetric } from "../../core/config/schema.ts";
import { testMetric } from "../../core/scrape/testing/metrics.ts";

export { testMetric, testTarget } from "../../core/scrape/testing/metrics.ts";

export const collectionPath = "BCS-K8S-00001/collection/shop/bcs-collector-shop-0.yaml";

/** The text of a collection as the service writes it, at `collectionPath`. */
export function collectionText(
  fields: { readonly generation: number; readonly metrics?: readonly CollectionMetric[] },
): string {
  return writeCollection({
    apiVersion: "bcs-metric/v1",
    kind: "Collection",
    metadata: {
      clusterId: "BCS-K8S-00001",
      namespace: "shop",
      name: "bcs-collector-shop-0",
      labels: {},
      annotations: {},
    },
    spec: { generation: fields.generation, metrics: [...fields.metrics ?? [testMetric()]] },
  });
}
