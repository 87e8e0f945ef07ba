import { canonicalJson } from "../../../core/config/canonical.ts";
import { parseJson } from "../../../core/json.ts";
import { environmentName } from "../../../core/options.ts";
import { parseAddress } from "../../../core/runtime/system_net.ts";
import {
  collectorArguments,
  collectorEnvironment,
  collectorImage,
  type CollectorLaunch,
} from "../collector_arguments.ts";
import { objectAt } from "../kubernetes/collector_set.ts";
import { differences } from "../kubernetes/drift.ts";
import { setName } from "../kubernetes/kube_names.ts";
import { isObject, type JsonObject, overlay } from "../kubernetes/overlay.ts";
import { instanceName } from "../names.ts";
import { OrchestratorError } from "../orchestrator.ts";
import { type Difference, fingerprintOf, type Workload, type WorkloadKey } from "../workload.ts";
import { mergeApplied } from "./merge.ts";

/** What an app's labels say of it; all of them begin with `bcs-metric.`. */
export const marathonLabels = {
  cluster: "bcs-metric.cluster",
  namespace: "bcs-metric.namespace",
  workload: "bcs-metric.workload",
  ordinal: "bcs-metric.ordinal",
  /** Of the wish that it was made for; absent from an app that somebody else has made. */
  fingerprint: "bcs-metric.fingerprint",
  /** That wish as JSON, but for the number of replicas. */
  wish: "bcs-metric.wish",
  /** The applied fields, as JSON. */
  applied: "bcs-metric.applied",
  /** Somebody else has made the app: only what the wish names is laid over it. */
  adopted: "bcs-metric.adopted",
} as const;

/** Group of all our apps; an app is `/bcs-metric/<namespace>/<workload>/<ordinal>`. */
export const marathonGroup = "/bcs-metric";

const defaultResources = { cpus: 1, memoryMiB: 256 };
const graceSeconds = 30;

export interface AppPlace {
  readonly key: WorkloadKey;
  readonly ordinal: number;
}

/** The app of one instance: each has its own, since the instances of one app have the same environment. */
export function appId({ namespace, name }: WorkloadKey, ordinal: number): string {
  return `${marathonGroup}/${setName(namespace)}/${setName(name)}/${ordinal}`;
}

/** Whose an app is; null for one that is no collector's. */
export function placeOf(clusterId: string, app: JsonObject): AppPlace | null {
  const labels = objectAt(app, "labels");
  const [, namespace, name, ordinal] = /^\/bcs-metric\/([^/]+)\/([^/]+)\/(\d{1,4})$/.exec(textOf(app["id"])) ?? [];
  if (namespace === undefined || name === undefined || ordinal === undefined) return null;
  if ((labels[marathonLabels.cluster] ?? clusterId) !== clusterId) return null;
  const text = (label: string, otherwise: string) => textOf(labels[label]) || otherwise;
  const key = {
    clusterId,
    namespace: text(marathonLabels.namespace, namespace),
    name: text(marathonLabels.workload, name),
  };
  return { key, ordinal: Number(ordinal) };
}

/**
 * The app to be written for one instance.
 *
 * @param live the app as it is; null when there is none.
 * @param instances 1; or 0 for what stays of a workload without replicas.
 * @throws OrchestratorError for a wish that cannot be carried out.
 */
export function marathonApp(
  workload: Workload,
  ordinal: number,
  launch: CollectorLaunch,
  live: JsonObject | null,
  instances = 1,
): JsonObject {
  const adopted = live !== null && isForeign(live);
  const made = adopted ? adoptedApp(workload, ordinal, launch) : ownApp(workload, ordinal, launch);
  const wished = overlay(made, workload.template as JsonObject);
  const merged = live === null ? wished : mergeApplied(pick(live, Object.keys(wished)), appliedOf(live), wished);
  return {
    ...merged,
    id: appId(workload, ordinal),
    instances,
    labels: {
      ...objectAt(merged, "labels"),
      [marathonLabels.cluster]: workload.clusterId,
      [marathonLabels.namespace]: workload.namespace,
      [marathonLabels.workload]: workload.name,
      [marathonLabels.ordinal]: String(ordinal),
      [marathonLabels.fingerprint]: fingerprintOf(workload),
      [marathonLabels.wish]: canonicalJson({ ...workload, replicas: undefined }),
      [marathonLabels.applied]: JSON.stringify(wished),
      ...(adopted ? { [marathonLabels.adopted]: "true" } : {}),
    },
  };
}

/** The wish that an app was made for, with no replicas; null for one that somebody else made. */
export function wishOf(app: JsonObject): Workload | null {
  const wish = parseJson(labelOf(app, "wish"));
  if (!isObject(wish)) return null;
  const workload = { ...wish, replicas: 0 } as unknown as Workload;
  // Whatever has this fingerprint was a workload.
  return fingerprintOf(workload) === labelOf(app, "fingerprint") ? workload : null;
}

export function labelOf(app: JsonObject, label: keyof typeof marathonLabels): string {
  return textOf(objectAt(app, "labels")[marathonLabels[label]]);
}

/** What somebody else has changed of an app that was applied. */
export function driftOf(app: JsonObject): Difference[] {
  const applied = appliedOf(app);
  return applied === null ? [] : differences(applied, app).map(({ field, ...rest }) => ({
    ...rest,
    field: field.replace(/^container\.docker\.image$/, "image"),
  }));
}

/** Whether somebody else has made it. */
function isForeign(live: JsonObject): boolean {
  return appliedOf(live) === null || labelOf(live, "adopted") === "true";
}

/** One from outside gets what a collector needs to know as variables, which its own flags outdo. */
function adoptedApp(workload: Workload, ordinal: number, launch: CollectorLaunch): JsonObject {
  const known = {
    cluster: workload.clusterId,
    namespace: workload.namespace,
    name: instanceName(workload.name, ordinal),
    configSource: "http",
    service: launch.services.join(","),
    exporter: launch.exporter ?? "",
  };
  const options = Object.entries(known).filter(([, value]) => value !== "")
    .map(([name, value]): [string, string] => [environmentName(name), value]);
  return {
    env: { ...Object.fromEntries(options), ...workload.env },
    labels: workload.labels,
    ...(workload.resources === null ? {} : sizeOf(workload.resources)),
    ...(workload.image === "" ? {} : { container: { docker: { image: workload.image } } }),
  };
}

function ownApp(workload: Workload, ordinal: number, launch: CollectorLaunch): JsonObject {
  const env = collectorEnvironment(launch, workload);
  const image = collectorImage(launch, workload);
  if (image === "") {
    const why = "no image is named; give --collector-image";
    throw new OrchestratorError(`Cannot apply workload "${workload.name}": ${why}`, "invalid");
  }
  const isHost = workload.network.hostNetwork || workload.network.networkMode.toUpperCase() === "HOST";
  // On the host's own network the next collector would find the port taken.
  const own = isHost ? { ...launch, http: "0.0.0.0:0" } : launch;
  return {
    args: collectorArguments(own, workload, instanceName(workload.name, ordinal)),
    ...sizeOf(workload.resources ?? defaultResources),
    env,
    labels: workload.labels,
    ...network(workload, launch, image, isHost),
    // Two of one name must never run at once: the old one ends before the new one begins.
    upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 },
    taskKillGracePeriodSeconds: graceSeconds,
  };
}

function network({ network: { networkMode } }: Workload, launch: CollectorLaunch, image: string, isHost: boolean) {
  if (isHost) return { container: { type: "DOCKER", docker: { image, network: "HOST" } } };
  const { port } = parseAddress(launch.http);
  const mode = networkMode === "" ? "BRIDGE" : networkMode.toUpperCase();
  const isOwn = mode !== "BRIDGE" && mode !== "USER";
  const probe = {
    protocol: "HTTP",
    path: "/healthz",
    portIndex: 0,
    gracePeriodSeconds: 60,
    intervalSeconds: 10,
    timeoutSeconds: 5,
    maxConsecutiveFailures: 6,
  };
  return {
    container: {
      type: "DOCKER",
      docker: {
        image,
        network: isOwn ? "USER" : mode,
        portMappings: [{ containerPort: port, ...(mode === "BRIDGE" ? { hostPort: 0 } : {}), protocol: "tcp" }],
      },
    },
    ...(isOwn ? { ipAddress: { networkName: networkMode } } : {}),
    ...(mode === "BRIDGE" ? { healthChecks: [probe] } : {}),
  };
}

function sizeOf({ cpus, memoryMiB }: { readonly cpus: number; readonly memoryMiB: number }): JsonObject {
  return { cpus, mem: memoryMiB };
}

function appliedOf(app: JsonObject): JsonObject | null {
  const value = parseJson(labelOf(app, "applied"));
  return isObject(value) ? value : null;
}

function pick(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.flatMap((name) => object[name] === undefined ? [] : [[name, object[name]]]));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
