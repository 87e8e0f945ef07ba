import type { CatalogChange } from "../../core/config/catalog.ts";
import { formatProblem } from "../../core/config/document.ts";
import { documentPath, keyOfPath } from "../../core/config/key.ts";
import type { ConfigDocument } from "../../core/config/schema.ts";
import { collectorName } from "../../core/registry/collector_id.ts";
import type { RegistryRecord } from "../../core/registry/records.ts";
import type { CollectorStatus } from "../../core/registry/status.ts";
import type { Approval } from "../autoscale/approvals/approval.ts";
import type { Notice } from "../reconcile/notices.ts";
import type { EventLog, EventType, Happening } from "./event_log.ts";

/** Events of one kind told one by one when many come at once; the rest is counted in one more. */
export const eventsAtOnceMax = 50;

/** Targets that are remembered as down; beyond, the oldest are forgotten and may be told as down twice. */
const downMax = 10_000;

/** Turns what the service sees into events. What is there when it begins to look is no event. */
export class EventRecorder {
  readonly #log: EventLog;
  readonly #down = new Set<string>();
  #collectors: ReadonlyMap<string, RegistryRecord> | null = null;

  constructor(log: EventLog) {
    this.#log = log;
  }

  documents(changes: readonly CatalogChange[]): void {
    this.#log.add(limited(changes.map(ofDocument)));
  }

  /** A collector told of its targets. `isNews` is false while what was told before the start is read. */
  status(place: { readonly clusterId: string; readonly namespace: string }, status: CollectorStatus, isNews: boolean) {
    const happenings = status.targets.flatMap(({ metric, address, health, error }): Happening[] => {
      const name = `${metric} ${address}`;
      const key = `${place.clusterId}/${place.namespace}/${name}`;
      if (health === "unknown" || (health === "down") === this.#down.has(key)) return [];
      if (health === "down") this.#down.add(key);
      else this.#down.delete(key);
      return [happening(`target.${health}`, place, name, error)];
    });
    for (const key of [...this.#down].slice(0, Math.max(0, this.#down.size - downMax))) this.#down.delete(key);
    if (!isNews) return;
    const byType = Map.groupBy(happenings, ({ type }) => type);
    this.#log.add([...byType.values()].flatMap(limited));
  }

  /** The live collectors are now these. */
  collectors(records: readonly RegistryRecord[]): void {
    const before = this.#collectors;
    const now = new Map(records.map((record) => [record.id, record]));
    this.#collectors = now;
    if (before === null) return;
    const come = records.filter(({ id }) => !before.has(id)).map((record) => ofCollector("collector.come", record));
    const gone = [...before.values()].filter(({ id }) => !now.has(id));
    this.#log.add([...limited(come), ...limited(gone.map((record) => ofCollector("collector.gone", record)))]);
  }

  /** What an operator should know of what is planned; each once. */
  notices(notices: readonly Notice[]): void {
    this.#log.add(limited(notices.map((notice) => happening(notice.type, notice, notice.name, notice.detail))));
  }

  /** A plan for another number of collectors came to a state. */
  approval({ id, clusterId, namespace, state, plan, trail }: Approval): void {
    const { by = "", detail = "" } = trail.at(-1) ?? {};
    const words = `${state} by ${by}: from ${plan.from} to ${plan.to} collectors`;
    const what = detail === "" ? words : `${words}: ${detail}`;
    this.#log.add([happening("approval", { clusterId, namespace }, id, what)]);
  }

  /** This service, or another one, reconciles from now on. */
  leader(name: string, detail: string): void {
    this.#log.add([happening("leader", { clusterId: "", namespace: "" }, name, detail)]);
  }
}

function ofDocument(change: CatalogChange): Happening {
  switch (change.type) {
    case "put":
      return ofDocumentInForce(change.document, change.previous);
    case "removed":
      return happening("document.removed", change.key, documentPath(change.key), "");
    case "refused": {
      const { path, problems } = change.status;
      const [first] = problems;
      const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
      return ofPath("document.refused", path, first === undefined ? "" : `${formatProblem(first)}${more}`);
    }
    case "mended":
      return ofPath("document.mended", change.path, "");
    default:
      return change satisfies never;
  }
}

function ofDocumentInForce(document: ConfigDocument, previous: ConfigDocument | null): Happening {
  const { kind, metadata } = document;
  if (kind === "Collection") {
    const targets = document.spec.metrics.reduce((sum, metric) => sum + metric.targets.length, 0);
    return happening(
      "generation",
      metadata,
      metadata.name,
      `generation ${document.spec.generation}, ${targets} targets`,
    );
  }
  const how = previous === null ? "new" : "changed";
  const version = kind === "Metric" ? `, version "${document.spec.version}"` : "";
  return happening("document.changed", metadata, documentPath({ ...metadata, kind }), `${how}${version}`);
}

function ofPath(type: EventType, path: string, detail: string): Happening {
  return happening(type, keyOfPath(path) ?? { clusterId: "", namespace: "" }, path, detail);
}

function ofCollector(type: EventType, record: RegistryRecord): Happening {
  const place = { clusterId: record.cluster, namespace: record.namespace };
  return happening(type, place, collectorName(record), `on ${record.hostname}`);
}

function happening(
  type: EventType,
  { clusterId, namespace }: { readonly clusterId: string; readonly namespace: string },
  name: string,
  detail: string,
): Happening {
  return { type, cluster: clusterId, namespace, name, detail };
}

/** The first ones, and how many more there are: a burst must not push everything else out of the log. */
function limited(happenings: readonly Happening[]): Happening[] {
  const shown = happenings.slice(0, eventsAtOnceMax);
  const [next] = happenings.slice(eventsAtOnceMax);
  if (next === undefined) return shown;
  return [...shown, { ...next, name: "", detail: `${happenings.length - shown.length} more` }];
}
