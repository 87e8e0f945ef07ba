import type { CollectorDocument, MetricDocument } from "../../core/config/schema.ts";
import { defaultWorkloadName } from "../orchestrator/names.ts";
import { plainWorkload, type Workload } from "../orchestrator/workload.ts";
import type { DriftPolicy } from "../workloads/next_record.ts";
import { layersFor, layOver, noTemplates, type Templates, type WorkloadSettings } from "../workloads/templates.ts";

/** What an operator says of all collector workloads. */
export interface WishSettings {
  /** Where no document and no template names one; "" leaves it to the orchestrator. */
  readonly image: string;
  /** See {@link Workload.launch}. */
  readonly launch: string;
  /** Where no Collector document says it. */
  readonly drift: DriftPolicy;
  /** Null while they have never been readable: then what runs is left as it is. */
  readonly templates: Templates | null;
  /** Why the templates as they are now are not in force; "" when they are. */
  readonly templateProblem: string;
}

export const wishSettingsDefault: WishSettings = {
  image: "",
  launch: "",
  drift: "repair",
  templates: noTemplates,
  templateProblem: "",
};

/** Labels and environment variables by which others find collectors, as in the original system. */
export const workloadLabels = {
  config: "io.tencent.bcs.metriccfg",
  metric: "io.tencent.bcs.metric.collector",
} as const;
export const configVariable = "MetricCfgName";

const resourcesDefault = { cpus: 1, memoryMiB: 256 } as const;

/** What is known of a namespace when its collector workload is made up. */
export interface WorkloadInputs {
  readonly clusterId: string;
  readonly namespace: string;
  /** Sorted by name. */
  readonly metrics: readonly MetricDocument[];
  readonly collectors: readonly CollectorDocument[];
  /** Names of Collector documents that have no valid version. */
  readonly unreadableCollectors: readonly string[];
  /** Fewest replicas where no valid document says how many: those that there are, while a document is unreadable. */
  readonly replicasKept: number;
  /** {@link wishSettingsDefault} by default. */
  readonly settings?: WishSettings;
  /** The metric that the workload was created with; by default the first one. */
  readonly createdWith?: string;
  /** Whether the workload was made by somebody else: then the operator's defaults do not concern it. */
  readonly adopted?: boolean;
}

/**
 * The collector workload of a namespace: as its Collector document says, over its metrics, over the templates. It has
 * as many replicas as the Collector document says, else as the most demanding metric asks for (1 when none does). Of
 * several Collector documents, and of several metrics that say one thing, the first by name counts.
 */
export function workloadOf(inputs: WorkloadInputs): Workload {
  const { clusterId, namespace, metrics, replicasKept, settings = wishSettingsDefault, adopted = false } = inputs;
  const declared = declaredIn(inputs.collectors);
  const name = workloadName(inputs);
  const clusterType = declared?.spec.clusterType ?? metrics[0]?.spec.clusterType ?? "k8s";
  const defaults: WorkloadSettings = adopted ? {} : { image: settings.image, resources: resourcesDefault };
  const templates = [
    ...layersFor(settings.templates ?? noTemplates, clusterType, inputs),
  ].reduce(layOver, defaults);
  const said = [fromMetrics(metrics, templates.image ?? ""), ...declared === undefined ? [] : [settingsIn(declared)]]
    .reduce(layOver, templates);
  const { networkMode = "", networkType = "", hostNetwork = false, dnsPolicy = "" } = said.network ?? {};
  const metric = inputs.createdWith ?? metrics[0]?.metadata.name ?? "";
  return {
    clusterId,
    namespace,
    name,
    replicas: declared?.spec.replicas ?? Math.max(defaultReplicas(metrics), replicasKept),
    clusterType,
    image: said.image ?? plainWorkload.image,
    imagePullSecrets: said.imagePullSecrets ?? plainWorkload.imagePullSecrets,
    resources: said.resources ?? plainWorkload.resources,
    network: { networkMode, networkType, hostNetwork, dnsPolicy },
    template: said.template ?? plainWorkload.template,
    ...settings.launch === "" ? {} : { launch: settings.launch },
    env: {
      ...said.env,
      MetricClusterType: clusterType,
      MetricClusterID: clusterId,
      MetricApplicationName: name,
      MetricApplicationNamespace: namespace,
      [configVariable]: name,
    },
    labels: {
      ...said.labels,
      [workloadLabels.config]: name,
      ...metric === "" ? {} : { [workloadLabels.metric]: `${namespace}_${metric}` },
    },
  };
}

/** The workload under the name that it had before, with so many replicas, for as long as it has targets. */
export function formerWorkload(workload: Workload, name: string, replicas: number): Workload {
  return {
    ...workload,
    name,
    replicas,
    env: { ...workload.env, MetricApplicationName: name, [configVariable]: name },
    labels: { ...workload.labels, [workloadLabels.config]: name },
  };
}

export function workloadName(
  { namespace, collectors, unreadableCollectors }: Pick<
    WorkloadInputs,
    "namespace" | "collectors" | "unreadableCollectors"
  >,
): string {
  return declaredIn(collectors)?.metadata.name ?? unreadableCollectors[0] ?? defaultWorkloadName(namespace);
}

/** The Collector documents of a namespace that do not count, since another one comes first. */
export function ignoredCollectors(collectors: readonly CollectorDocument[]): CollectorDocument[] {
  const declared = declaredIn(collectors);
  return collectors.filter((document) => document !== declared);
}

/** What is divided evenly over the collectors of a namespace. */
export function balanceOf(collectors: readonly CollectorDocument[]): Balance {
  return declaredIn(collectors)?.spec.balance ?? "count";
}

export type Balance = CollectorDocument["spec"]["balance"];

/** What becomes of changes by hand; null where the operator's default counts. */
export function driftPolicyOf(collectors: readonly CollectorDocument[]): DriftPolicy | null {
  return declaredIn(collectors)?.spec.drift ?? null;
}

/** Whether a document says how many replicas there are to be. */
export function saysReplicas(
  metrics: readonly MetricDocument[],
  collectors: readonly CollectorDocument[],
): boolean {
  return collectors.length > 0 || metrics.some(({ spec }) => spec.collector?.replicas !== undefined);
}

function declaredIn(collectors: readonly CollectorDocument[]): CollectorDocument | undefined {
  return collectors.toSorted((a, b) => a.metadata.name < b.metadata.name ? -1 : 1)[0];
}

/** What of a Collector document is about the workload itself. */
function settingsIn({ spec }: CollectorDocument): WorkloadSettings {
  const { image, imagePullSecrets, resources, network, env, labels, template } = spec;
  return { image, imagePullSecrets, resources, network, env, labels, template };
}

/** @param image what the templates say, whose registry a metric may replace. */
function fromMetrics(metrics: readonly MetricDocument[], image: string): WorkloadSettings {
  const asked = metrics.find(({ spec }) => spec.collector?.image !== undefined)?.spec.collector?.image;
  const base = metrics.find(({ spec }) => spec.collector?.imageBase !== undefined)?.spec.collector?.imageBase;
  const rebased = base === undefined || image === "" ? undefined : rebase(image, base);
  const network = metrics.find(({ spec }) => spec.network !== undefined)?.spec.network;
  const secrets = new Set(metrics.flatMap(({ spec }) => spec.collector?.imagePullSecrets ?? []));
  return {
    image: asked ?? rebased,
    ...network === undefined ? {} : { network },
    ...secrets.size === 0 ? {} : { imagePullSecrets: [...secrets].toSorted() },
  };
}

/** `base` in place of what stands before the image's first `/`, as in the original system. */
function rebase(image: string, base: string): string {
  const slash = image.indexOf("/");
  return `${base.replace(/\/$/, "")}${slash < 0 ? `/${image}` : image.slice(slash)}`;
}

function defaultReplicas(metrics: readonly MetricDocument[]): number {
  const asked = metrics.flatMap((metric) => metric.spec.collector?.replicas ?? []);
  return asked.length === 0 ? 1 : Math.max(...asked);
}
