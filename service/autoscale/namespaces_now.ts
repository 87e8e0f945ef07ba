import type { AutoscaleRule } from "../../core/config/autoscale.ts";
import type { CollectorDocument } from "../../core/config/schema.ts";
import { collectorId } from "../../core/registry/collector_id.ts";
import type { CollectorRow } from "../health/collector_rows.ts";
import { keyOf } from "../reconcile/collections.ts";
import type { NamespacePlan } from "../reconcile/view.ts";
import { balanceOf } from "../reconcile/workloads.ts";
import { scopeOf } from "../targets/sources.ts";
import type { NamespaceNow, NamespacesNow } from "./autoscaler.ts";
import type { AutoscaleConfig } from "./config.ts";
import { namesOf } from "./plan/plan.ts";

export interface NamespacesInputs {
  readonly plans: readonly NamespacePlan[];
  readonly collectors: readonly CollectorRow[];
  readonly documents: readonly CollectorDocument[];
  readonly rules: AutoscaleConfig["rules"];
}

/** The namespaces as they were planned last. */
export function namespacesNow({ plans, collectors, documents, rules }: NamespacesInputs): NamespacesNow {
  const rows = Map.groupBy(collectors, ({ cluster, namespace }) => scopeOf({ clusterId: cluster, namespace }));
  const own = Map.groupBy(documents, ({ metadata }) => scopeOf(metadata));
  const places = plans.flatMap((plan): NamespaceNow[] => {
    const { clusterId, namespace, generation, scale } = plan;
    if (scale === undefined) return [];
    const ofScope = own.get(scopeOf(plan)) ?? [];
    const balance = balanceOf(ofScope);
    const costs = new Map([...plan.memory?.balance.costs ?? []].map(([target, { cost }]) => [target, cost]));
    const owners = ownersIn(plan);
    return [{
      clusterId,
      namespace,
      ...scale,
      generation,
      rule: ruleOf(plan, ofScope, rules),
      division: { owners, balance, costs },
      collectors: (rows.get(scopeOf(plan)) ?? []).map(({ name, alive, metricsAddress, load }) => ({
        clusterId,
        namespace,
        name,
        id: alive ? collectorId({ cluster: clusterId, namespace, name }) : "",
        metricsAddress,
        load,
      })),
      unsettled: unsettledIn(plan, new Set(owners.values()), namesOf(scale.workload, scale.replicas)),
    }];
  });
  return { places, held: new Set(plans.filter(({ scale }) => scale === undefined).map(scopeOf)) };
}

/** The rule of the Collector document that counts, else the operator's for the namespace, else that for all. */
function ruleOf(
  place: { readonly clusterId: string; readonly namespace: string },
  documents: readonly CollectorDocument[],
  rules: AutoscaleConfig["rules"],
): AutoscaleRule | null {
  const [first] = documents.toSorted((a, b) => a.metadata.name < b.metadata.name ? -1 : 1);
  const named = rules.namespaces.find((one) => scopeOf(one) === scopeOf(place))?.rule;
  return first?.spec.autoscale ?? named ?? rules.default ?? null;
}

function ownersIn({ targets }: NamespacePlan): Map<string, string> {
  const owners = new Map<string, string>();
  for (const target of targets) {
    if ("collector" in target) owners.set(keyOf(target.metric, target), target.collector);
  }
  return owners;
}

function unsettledIn({ targets }: NamespacePlan, owners: ReadonlySet<string>, wanted: readonly string[]): string {
  const moving = targets.filter((target) => "movesTo" in target && target.movesTo !== undefined).length;
  if (moving > 0) return `${moving} targets are being handed over`;
  const leaving = [...owners].filter((owner) => !wanted.includes(owner));
  return leaving.length > 0 ? `collectors that are to go still have targets, such as ${leaving[0]}` : "";
}
