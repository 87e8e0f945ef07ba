import type { StoreEvent } from "../../core/store/store.ts";
import { scopeOf } from "../targets/sources.ts";
import { readRecord, recordsFolder, type WorkloadRecord } from "./record.ts";

/** A record with the entry that holds it. */
export interface StoredRecord {
  readonly record: WorkloadRecord;
  readonly revision: string;
  readonly text: string;
}

/** The records of workloads as the store has them. */
export class RecordState {
  /** By path. */
  readonly #records = new Map<string, StoredRecord>();

  /** Takes an event of the store. Returns whether it changed a record. */
  apply(event: StoreEvent): boolean {
    if (event.type === "delete") return this.#records.delete(event.path);
    if (event.type !== "put" || !event.entry.path.startsWith(recordsFolder)) return false;
    const { path, text, revision } = event.entry;
    const record = readRecord(path, text);
    if (record === null) return this.#records.delete(path);
    const before = this.#records.get(path);
    this.#records.set(path, { record, revision, text });
    return before?.revision !== revision;
  }

  /** By scope. */
  byScope(): ReadonlyMap<string, StoredRecord> {
    return new Map([...this.#records.values()].map((stored) => [scopeOf(stored.record), stored]));
  }
}
