import { collectorId } from "../../core/registry/collector_id.ts";
import type { RegistryRecord } from "../../core/registry/records.ts";

/** The records of the live collectors, found by the collectors' places. */
export class CollectorRecords {
  readonly all: readonly RegistryRecord[];
  readonly #byId: ReadonlyMap<string, RegistryRecord>;

  constructor(records: readonly RegistryRecord[]) {
    this.all = records;
    this.#byId = new Map(records.map((record) => [record.id, record]));
  }

  /** The record of a collector, or null when it is not in the registry. */
  find(cluster: string, namespace: string, name: string): RegistryRecord | null {
    return this.#byId.get(collectorId({ cluster, namespace, name })) ?? null;
  }
}

/** The collector's own name within its namespace, as far as its id tells. */
export function collectorName(record: RegistryRecord): string {
  const prefix = `${record.cluster}.${record.namespace}.`;
  return record.id.startsWith(prefix) ? record.id.slice(prefix.length) : record.id;
}
