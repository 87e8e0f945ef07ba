import { messageOf } from "../../core/errors.ts";
import { readStatus, statusPath } from "../../core/registry/status.ts";
import { RevisionConflictError, type Store, UnreadableEntryError } from "../../core/store/store.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { StatusKey } from "./gone_collectors.ts";

export interface KnownStatus extends StatusKey {
  readonly reportedAtMs: number;
}

export interface RemoveStatusesDeps {
  readonly store: Pick<Store, "get" | "delete">;
  readonly log: Logger;
  /** Whether this service still leads; asked right before each removal. */
  mayAct(): boolean;
}

/** Removes the statuses of collectors that have gone, unless one has reported since. Failures wait for the next look. */
export async function removeStatuses(statuses: readonly KnownStatus[], deps: RemoveStatusesDeps): Promise<void> {
  for (const { clusterId, namespace, collector, reportedAtMs } of statuses) {
    if (!deps.mayAct()) return;
    const path = statusPath(clusterId, namespace, collector);
    try {
      const entry = await deps.store.get(path);
      const read = entry === null ? null : readStatus(entry.text);
      if (entry === null || (read?.ok === true && read.status.reportedAtMs !== reportedAtMs)) continue;
      await deps.store.delete(path, entry.revision);
      deps.log.info({ clusterId, namespace, collector }, "removed the status of a collector that has gone");
    } catch (error) {
      // A collector that comes back meanwhile keeps its status, and an unreadable one is for people to look at.
      if (error instanceof RevisionConflictError || error instanceof UnreadableEntryError) continue;
      deps.log.warn({ path, reason: messageOf(error) }, "removing the status of a gone collector failed");
    }
  }
}
