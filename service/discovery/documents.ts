import type { Catalog } from "../../core/config/catalog.ts";
import type { ApplicationDocument, TaskDocument } from "../../core/config/schema.ts";
import type { Discovery, Pod, Snapshot, SuppliedTargets } from "./discovery.ts";

/** What the documents discovery needs of the configuration. */
export interface DocumentSource {
  readonly catalog: Catalog;
  readonly everSynced: boolean;
  onChange(listener: () => void): () => void;
}

/** Finds pods in Application documents and supplied targets in Task documents. */
export function makeDocumentsDiscovery(source: DocumentSource): Discovery {
  return {
    name: "documents",
    clusters: "all",
    watch(onChange) {
      const report = () => onChange(snapshotOf(source.catalog));
      const stop = source.onChange(report);
      if (source.everSynced) report();
      return Promise.resolve({
        close() {
          stop();
          return Promise.resolve();
        },
      });
    },
  };
}

function snapshotOf(catalog: Catalog): Snapshot {
  return {
    pods: catalog.documents("Application").flatMap(podsOf),
    components: [],
    supplied: catalog.documents("Task").map(suppliedBy),
  };
}

function podsOf({ metadata, spec }: ApplicationDocument): Pod[] {
  return spec.instances.map(({ name, ip, hostIp, phase, labels, ports }) => ({
    clusterId: metadata.clusterId,
    namespace: metadata.namespace,
    name,
    phase,
    ip,
    hostIp,
    labels: { ...spec.labels, ...labels },
    ports,
  }));
}

function suppliedBy({ metadata, spec }: TaskDocument): SuppliedTargets {
  return {
    clusterId: metadata.clusterId,
    namespace: metadata.namespace,
    name: metadata.name,
    selector: spec.selector,
    pods: spec.pods.map(({ ip, port, meta }) => ({ ip, port, name: textOr(meta["name"], "") })),
  };
}

/** The original's tasks carry the pod's whole metadata, of which the name is its name. */
function textOr(value: unknown, fallback: string): string {
  return typeof value === "string" ? value : fallback;
}
