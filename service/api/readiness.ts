import type { Readiness } from "../../core/telemetry/health.ts";
import type { UnreadSource } from "../targets/sources.ts";

/**
 * Whether the service can do its work. A cluster that is away holds up only itself: the others, and the streams of its
 * own collectors, are served.
 *
 * @param hasReconciled whether it has been looked once at what is to be done.
 */
export function readinessOf(
  store: { readonly synced: boolean; readonly reason: string },
  unread: readonly UnreadSource[],
  hasReconciled: boolean,
): Readiness {
  if (!store.synced) return { ready: false, reason: `the store cannot be read: ${store.reason}` };
  const waits = unread.map(({ source, cluster }) =>
    cluster === ""
      ? `the source ${source} has not been read`
      : `cluster ${cluster} stays as it is, since the source ${source} has not been read`
  );
  if (hasReconciled) return waits.length === 0 ? { ready: true } : { ready: true, reason: waits.join("; ") };
  return { ready: false, reason: ["nothing has been reconciled yet", ...waits].join("; ") };
}
