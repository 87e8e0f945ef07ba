import { type CollectorStatus, keyOfStatusPath, readStatus } from "../../core/registry/status.ts";
import type { StoreEvent } from "../../core/store/store.ts";
import { workloadPath } from "../orchestrator/workload.ts";
import type { KnownStatus } from "./remove_statuses.ts";

/** What the collectors last told, each as an entry of the store. It does no I/O: events are applied to it. */
export class StatusState {
  readonly #statuses = new Map<string, CollectorStatus>();

  /** Takes an event of the store. Returns why a status cannot be read; null when all is well. */
  apply(event: StoreEvent): string | null {
    if (event.type === "delete") {
      const key = keyOfStatusPath(event.path);
      if (key !== null) this.#statuses.delete(pathOf(key));
      return null;
    }
    if (event.type !== "put") return null;
    const key = keyOfStatusPath(event.entry.path);
    if (key === null) return null;
    const read = readStatus(event.entry.text);
    if (!read.ok) return `Cannot read status "${event.entry.path}": ${read.reason}`;
    this.#statuses.set(pathOf(key), read.status);
    return null;
  }

  /** The last status of a collector, or null when it has told nothing yet. */
  get(clusterId: string, namespace: string, collector: string): CollectorStatus | null {
    return this.#statuses.get(pathOf({ clusterId, namespace, collector })) ?? null;
  }

  /** All of them, each with when it was told. */
  all(): KnownStatus[] {
    return [...this.#statuses].map(([path, { collector, reportedAtMs }]) => {
      const [clusterId = "", namespace = ""] = path.split("/");
      return { clusterId, namespace, collector, reportedAtMs };
    });
  }

  /** The highest generation that a collector of each namespace (by scope) has in force. */
  appliedGenerations(): Map<string, number> {
    const highest = new Map<string, number>();
    for (const [path, { generation }] of this.#statuses) {
      const scope = path.slice(0, path.lastIndexOf("/"));
      highest.set(scope, Math.max(highest.get(scope) ?? 0, generation));
    }
    return highest;
  }
}

function pathOf(key: { readonly clusterId: string; readonly namespace: string; readonly collector: string }): string {
  return workloadPath({ ...key, name: key.collector });
}
