import { collectorId } from "../../core/registry/collector_id.ts";
import type { LiveRecord, RegistryRecord } from "../../core/registry/records.ts";

/** The records of the live collectors, found by the collectors' places. */
export class CollectorRecords<R extends RegistryRecord = LiveRecord> {
  readonly all: readonly R[];
  readonly #byId: ReadonlyMap<string, R>;

  constructor(records: readonly R[]) {
    this.all = records;
    this.#byId = new Map(records.map((record) => [record.id, record]));
  }

  /** The record of a collector, or null when it is not in the registry. */
  find(cluster: string, namespace: string, name: string): R | null {
    return this.#byId.get(collectorId({ cluster, namespace, name })) ?? null;
  }
}
