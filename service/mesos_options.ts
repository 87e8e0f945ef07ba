import { z } from "zod";
import { safeNameText } from "../core/option_types.ts";
import { type OptionDefinitions, OptionError } from "../core/options.ts";
import type { Env } from "../core/runtime/env.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Registry } from "../core/telemetry/metrics.ts";
import { ApiClient } from "./clusters/api_client.ts";
import type { Discovery } from "./discovery/discovery.ts";
import { makeStorageDiscovery } from "./discovery/mesos/storage_discovery.ts";
import { type MesosCluster, type MesosClusterOptions, mesosFlavors, readMesosClusters } from "./mesos/clusters.ts";
import { makeMesosMetrics, type MesosMetrics } from "./mesos/mesos_metrics.ts";
import type { CollectorLaunch } from "./orchestrator/collector_arguments.ts";
import { makeMesosOrchestrator, type MesosManaged } from "./orchestrator/mesos/mesos_orchestrator.ts";
import type { Orchestrator } from "./orchestrator/orchestrator.ts";

const fileText = z.string().min(1, { error: "must name a file" }).optional();

/** Which clusters of Mesos the service looks into, and, with `--orchestrator mesos`, runs collectors in. */
export const mesosOptions = {
  mesosUrl: { value: "URL", help: "the gateway of BCS, or Marathon", schema: z.string().optional() },
  mesosCluster: { value: "CLUSTER", help: "id of the cluster behind --mesos-url", schema: safeNameText.optional() },
  mesosFlavor: {
    value: mesosFlavors.join("|"),
    help: "what is behind --mesos-url; bcs-k8s: a Kubernetes cluster of BCS whose pods are found in BCS storage",
    schema: z.enum(mesosFlavors).default("bcs"),
  },
  mesosStorage: {
    value: "URL",
    help: "base of BCS storage, such as http://HOST:PORT/bcsstorage/v1; by default behind --mesos-url",
    schema: z.string().optional(),
  },
  mesosTokenFile: {
    value: "FILE",
    help: "the token that is shown to BCS or Marathon; read anew each minute, and when it is refused",
    schema: fileText,
  },
  mesosClusters: { value: "FILE", help: "YAML file of several clusters, in place of --mesos-url", schema: fileText },
  mesosUnsafeTemplates: {
    help: "let templates of collectors ask for privileges, host paths and arguments to Docker",
    schema: z.union([z.boolean(), z.stringbool()]).default(false),
  },
} as const satisfies OptionDefinitions;

export interface MesosValues extends MesosClusterOptions {
  readonly orchestrator: string;
  readonly mesosUnsafeTemplates: boolean;
}

/** The clusters that the options name, opened. */
export interface Mesos {
  readonly discoveries: readonly Discovery[];
  makeOrchestrator(launch: CollectorLaunch): Orchestrator;
  close(): Promise<void>;
}

export interface MesosDeps {
  readonly env: Env;
  readonly log: Logger;
  readonly metrics: Registry;
}

/**
 * Null when the options name no cluster.
 * @throws OptionError when they have to. @throws UserError when a file that they name cannot be used.
 */
export async function openMesos(values: MesosValues, deps: MesosDeps): Promise<Mesos | null> {
  const metrics = makeMesosMetrics(deps.metrics);
  const { clock, random, fs } = deps.env;
  const clusters = await readMesosClusters(values, { fs, clock });
  const managed = clusters.filter(({ flavor }) => flavor !== "bcs-k8s");
  if (values.orchestrator === "mesos" && managed.length === 0) {
    throw new OptionError(
      "Cannot use --orchestrator mesos without --mesos-url and --mesos-cluster, or --mesos-clusters: no cluster is named",
    );
  }
  if (clusters.length === 0) return null;
  const opened = clusters.map((cluster) => openCluster(cluster, deps, metrics));
  const shared = { clock, random, log: deps.log };
  return {
    discoveries: opened.flatMap(({ cluster: { clusterId, flavor, namespaces }, storage }) =>
      storage === null
        ? []
        : makeStorageDiscovery({
          ...shared,
          clusterId,
          clusterType: flavor === "bcs-k8s" ? "k8s" : "mesos",
          storage,
          namespaces,
        })
    ),
    makeOrchestrator: (launch) =>
      makeMesosOrchestrator({
        ...shared,
        clusters: opened.flatMap(managedOf),
        launch,
        allowUnsafe: values.mesosUnsafeTemplates,
      }),
    async close() {
      await Promise.all(
        opened.flatMap(({ api, storage }) => storage === null ? [api.close()] : [api.close(), storage.close()]),
      );
    },
  };
}

interface OpenedCluster {
  readonly cluster: MesosCluster;
  /** The scheduler, or Marathon. */
  readonly api: ApiClient;
  /** Null where there is none. */
  readonly storage: ApiClient | null;
}

function openCluster(cluster: MesosCluster, { env: { clock } }: MesosDeps, metrics: MesosMetrics): OpenedCluster {
  const { clusterId, flavor, url, ca, token } = cluster;
  const open = (server: string) =>
    new ApiClient({
      access: { server, ca, token },
      clock,
      headers: flavor === "marathon" ? {} : { "BCS-ClusterID": clusterId },
      tokenHeader: (text) => flavor === "marathon" ? { authorization: `token=${text}` } : { "X-Bcs-User-Token": text },
      onRequest: () => metrics.requested(clusterId),
      onFailure: (kind) => metrics.failed(clusterId, kind),
    });
  if (flavor === "marathon") return { cluster, api: open(url), storage: null };
  return { cluster, api: open(`${url}/bcsapi/v4/scheduler/mesos`), storage: open(cluster.storage) };
}

function managedOf({ cluster: { clusterId, flavor, namespaces }, api, storage }: OpenedCluster): MesosManaged[] {
  if (flavor === "marathon") return [{ flavor, clusterId, marathon: api, namespaces }];
  return flavor === "bcs" && storage !== null ? [{ flavor, clusterId, scheduler: api, storage, namespaces }] : [];
}
