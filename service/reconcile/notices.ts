import { documentPath } from "../../core/config/key.ts";
import { scopeOf, type UnreadSource } from "../targets/sources.ts";
import { leavingPatienceMs } from "./peers.ts";
import type { Plan, View } from "./view.ts";
import { ignoredCollectors } from "./workloads.ts";

/** Something about a plan that an operator should know. */
export interface Notice {
  readonly type: "cluster.unread" | "collector.given-up" | "document.ignored" | "workload.drift" | "workload.problem";
  readonly clusterId: string;
  readonly namespace: string;
  /** Of the collector or source, or path of the document. */
  readonly name: string;
  /** One line for people. */
  readonly detail: string;
}

/** What there is to know of the plan, in the order of namespaces. */
export function noticesOf(plan: Pick<Plan, "namespaces">, view: Pick<View, "collectors">): Notice[] {
  const givenUp = plan.namespaces.flatMap(({ clusterId, namespace, givenUp: names = [] }) =>
    names.map((name): Notice => ({
      type: "collector.given-up",
      clusterId,
      namespace,
      name,
      detail: `is to go and has not confirmed its collection for ${leavingPatienceMs / 1000} s: its targets move as a `
        + "dead collector's do",
    }))
  );
  return [...givenUp, ...ignoredDocuments(view.collectors)];
}

/** Of several Collector documents of a namespace the first by name counts; the others have no effect. */
export function ignoredDocuments(collectors: View["collectors"]): Notice[] {
  return [...Map.groupBy(collectors, ({ metadata }) => scopeOf(metadata)).values()].flatMap((own) => {
    const ignored = ignoredCollectors(own);
    const counts = own.find((document) => !ignored.includes(document))?.metadata.name ?? "";
    return ignored.map(({ metadata: { clusterId, namespace, name } }): Notice => ({
      type: "document.ignored",
      clusterId,
      namespace,
      name: documentPath({ clusterId, namespace, name, kind: "Collector" }),
      detail: `has no effect: of several Collector documents of a namespace the first by name counts, here "${counts}"`,
    }));
  });
}

/** A collector that ends again and again runs in between: its problem is news only when it was gone for so long. */
const recurrenceMs = 600_000;

/** A source that is read within this time from the start on is no news. */
export const unreadPatienceMs = 10_000;

export function unreadNotices(unread: readonly UnreadSource[]): Notice[] {
  return unread.map(({ source, cluster }) => ({
    type: "cluster.unread",
    clusterId: cluster,
    namespace: "",
    name: source,
    detail: "has not been read since the service started: the namespaces of the cluster stay as they are until it is",
  }));
}

/** Tells each notice once, for as long as it lasts. */
export class NoticeBoard {
  /** Monotonic milliseconds when each was last there. */
  readonly #seenMs = new Map<string, number>();

  /** Those of the present notices that were not there the last time. */
  fresh(notices: readonly Notice[], nowMs: number): Notice[] {
    // Another problem of a workload is news.
    const keyOf = ({ type, clusterId, namespace, name, detail }: Notice) =>
      `${type} ${clusterId}/${namespace}/${name} ${type.startsWith("workload.") ? detail : ""}`;
    const present = new Set(notices.map(keyOf));
    const fresh = notices.filter((notice) => !this.#seenMs.has(keyOf(notice)));
    for (const [key, seenMs] of this.#seenMs) {
      const isOver = nowMs - seenMs >= (key.startsWith("workload.problem ") ? recurrenceMs : 0);
      if (isOver && !present.has(key)) this.#seenMs.delete(key);
    }
    for (const key of present) this.#seenMs.set(key, nowMs);
    return fresh;
  }
}
