import { environmentName } from "../../../core/options.ts";
import { parseAddress } from "../../../core/runtime/system_net.ts";
import {
  collectorArguments,
  collectorEnvironment,
  collectorImage,
  type CollectorLaunch,
} from "../collector_arguments.ts";
import { instanceName } from "../names.ts";
import { OrchestratorError } from "../orchestrator.ts";
import { fingerprintOf, type Workload } from "../workload.ts";
import { labelValue, setName } from "./kube_names.ts";
import { isObject, type Json, type JsonObject, overlay } from "./overlay.ts";
import { unsafeFields } from "./unsafe.ts";

/** Label of every StatefulSet and pod that belongs to a collector workload; its value is the set's name. */
export const collectorLabel = "bcs-metric/collector";

/** What the service keeps with a set. */
export const annotations = {
  clusterId: "bcs-metric/cluster-id",
  /** The workload's real name, which need not be a name that Kubernetes allows. */
  workload: "bcs-metric/workload",
  fingerprint: "bcs-metric/fingerprint",
  replicas: "bcs-metric/replicas-applied",
  /** The applied fields, to tell what somebody else has changed since. */
  applied: "bcs-metric/applied",
  /** The set was made by somebody else: only what the wish names is laid over it. */
  adopted: "bcs-metric/adopted",
} as const;

export const containerName = "collector";

/** That of our own image; a number, since the kubelet cannot tell by a name that it is not root's. */
const userId = 65_532;
const graceSeconds = 30;
const defaultResources = { cpus: 1, memoryMiB: 256 };

export interface SetOptions {
  readonly launch: CollectorLaunch;
  /** Whether templates may ask for what reaches beyond their pod. */
  readonly allowUnsafe: boolean;
}

/**
 * The StatefulSet to be applied for a workload.
 *
 * @param live the set as it is; null when there is none. Fields that can never be changed are taken from it, and one
 * that somebody else has made keeps its container with what the wish does not name.
 * @throws OrchestratorError for a wish that cannot be carried out.
 */
export function collectorSet(workload: Workload, options: SetOptions, live: JsonObject | null): JsonObject {
  const adopted = live !== null && isForeign(live);
  const made = adopted ? adoptedSpec(workload, options.launch, live) : ownSpec(workload, options.launch);
  const template = workload.template as JsonObject;
  const laidOver = overlay({ metadata: {}, spec: made }, pick(template, ["metadata", "spec"]));
  const spec = keepFixed(objectAt(laidOver, "spec"), objectAt(template, "spec"), live);
  refuseUnsafe(spec, options.allowUnsafe, workload);
  const labels = { ...objectAt(objectAt(laidOver, "metadata"), "labels"), ...setLabels(workload) };
  const applied = { metadata: { labels }, spec: without(spec, "replicas") };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: {
      name: setName(workload.name),
      namespace: workload.namespace,
      labels,
      annotations: {
        ...objectAt(objectAt(laidOver, "metadata"), "annotations"),
        ...wholeLabels(workload),
        [annotations.clusterId]: workload.clusterId,
        [annotations.workload]: workload.name,
        [annotations.fingerprint]: fingerprintOf(workload),
        [annotations.replicas]: String(workload.replicas),
        [annotations.applied]: JSON.stringify(applied),
        ...(adopted ? { [annotations.adopted]: "true" } : {}),
      },
    },
    spec: { ...spec, replicas: workload.replicas },
  };
}

/** Whether somebody else has made the set. */
function isForeign(live: JsonObject): boolean {
  const kept = objectAt(objectAt(live, "metadata"), "annotations");
  return kept[annotations.fingerprint] === undefined || kept[annotations.adopted] === "true";
}

function ownSpec(workload: Workload, launch: CollectorLaunch): JsonObject {
  const name = setName(workload.name);
  const image = collectorImage(launch, workload);
  if (image === "") {
    throw new OrchestratorError(
      `Cannot apply workload "${workload.name}": no image is named; give --collector-image`,
      "invalid",
    );
  }
  const base = instanceBase(workload);
  const args = collectorArguments(launch, workload, base).map(literal);
  return {
    serviceName: name,
    podManagementPolicy: "Parallel",
    selector: { matchLabels: { [collectorLabel]: name } },
    template: {
      metadata: { labels: podLabels(workload), ...podAnnotations(workload) },
      spec: {
        ...podNetwork(workload),
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: graceSeconds,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: userId,
          runAsGroup: userId,
          fsGroup: userId,
          seccompProfile: { type: "RuntimeDefault" },
        },
        containers: [{
          name: containerName,
          image,
          args: [...args, "--ordinal-of", "$(POD_NAME)"],
          env: [podNameVariable, ...variables(collectorEnvironment(launch, workload))],
          ...servedPorts(launch),
          resources: resourcesOf(workload.resources ?? defaultResources),
          securityContext: {
            allowPrivilegeEscalation: false,
            privileged: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: [{ name: "data", mountPath: launch.data }, { name: "tmp", mountPath: "/tmp" }],
        }],
        volumes: [{ name: "data", emptyDir: {} }, { name: "tmp", emptyDir: {} }],
      },
    },
  };
}

/** What is laid over a set from outside: it gets what a collector needs to know as variables, which its own flags outdo. */
function adoptedSpec(workload: Workload, launch: CollectorLaunch, live: JsonObject): JsonObject {
  const pod = objectAt(objectAt(objectAt(live, "spec"), "template"), "spec");
  const containers = (Array.isArray(pod["containers"]) ? pod["containers"] as readonly Json[] : []).filter(isObject);
  const container = containers.find(({ name }) => name === containerName) ?? containers[0];
  const known = {
    cluster: workload.clusterId,
    namespace: workload.namespace,
    name: instanceBase(workload),
    configSource: "http",
    service: launch.services.join(","),
    exporter: launch.exporter ?? "",
  };
  const options = Object.entries(known).filter(([, value]) => value !== "")
    .map(([name, value]) => ({ name: environmentName(name), value: literal(value) }));
  const ordinalOf = { name: environmentName("ordinalOf"), value: "$(POD_NAME)" };
  return {
    template: {
      metadata: { labels: podLabels(workload), ...podAnnotations(workload) },
      spec: {
        ...podNetwork(workload),
        containers: [{
          name: container?.["name"] ?? containerName,
          ...(workload.image === "" ? {} : { image: workload.image }),
          env: [podNameVariable, ...options, ordinalOf, ...variables(workload.env)],
          ...(workload.resources === null ? {} : { resources: resourcesOf(workload.resources) }),
        }],
      },
    },
  };
}

const podNameVariable = { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } };

/** Name of an instance without its ordinal. */
function instanceBase({ name }: Workload): string {
  return instanceName(name, 0).slice(0, -"-0".length);
}

function variables(env: Readonly<Record<string, string>>): JsonObject[] {
  return Object.entries(env).toSorted(([a], [b]) => a < b ? -1 : 1)
    .map(([name, value]) => ({ name, value: literal(value) }));
}

/** Kubernetes replaces `$(NAME)` in arguments and variables, unless the dollar is doubled. */
function literal(text: string): string {
  return text.replaceAll("$", "$$$$");
}

function servedPorts(launch: CollectorLaunch): JsonObject {
  const { port } = parseAddress(launch.http);
  const probe = (path: string, failureThreshold: number) => ({
    httpGet: { path, port: "http" },
    periodSeconds: 10,
    timeoutSeconds: 5,
    failureThreshold,
  });
  return {
    ports: [{ name: "http", containerPort: port, protocol: "TCP" }],
    readinessProbe: probe("/readyz", 3),
    livenessProbe: probe("/healthz", 6),
  };
}

function resourcesOf({ cpus, memoryMiB }: { readonly cpus: number; readonly memoryMiB: number }): JsonObject {
  const memory = `${memoryMiB}Mi`;
  // A collector rests between scrapes: what it may use at most is not what a node has to set aside for it.
  return { limits: { cpu: milli(cpus), memory }, requests: { cpu: milli(cpus / 10), memory } };
}

function milli(cpus: number): string {
  return `${Math.max(1, Math.round(cpus * 1000))}m`;
}

function podNetwork({ network, imagePullSecrets }: Workload): JsonObject {
  return {
    ...(network.hostNetwork ? { hostNetwork: true } : {}),
    ...(network.dnsPolicy === "" ? {} : { dnsPolicy: network.dnsPolicy }),
    ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets: imagePullSecrets.map((name) => ({ name })) }),
  };
}

function setLabels(workload: Workload): JsonObject {
  return { ...safeLabels(workload.labels), [collectorLabel]: setName(workload.name) };
}

function podLabels(workload: Workload): JsonObject {
  return setLabels(workload);
}

function safeLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, labelValue(value)]));
}

/** Labels whose value Kubernetes does not allow, as they really are. */
function wholeLabels({ labels }: Workload): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => labelValue(value) !== value));
}

function podAnnotations(workload: Workload): JsonObject {
  const whole = wholeLabels(workload);
  return Object.keys(whole).length === 0 ? {} : { annotations: whole };
}

/** What can never be changed stays as it is in a set that is there, unless the template itself names it. */
const fixedFields = ["selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"];

function keepFixed(spec: JsonObject, asked: JsonObject, live: JsonObject | null): JsonObject {
  if (live === null) return spec;
  const there = objectAt(live, "spec");
  const kept = fixedFields.filter((field) => asked[field] === undefined && there[field] !== undefined);
  return { ...spec, ...pick(there, kept) };
}

function refuseUnsafe(spec: JsonObject, allowed: boolean, { name }: Workload): void {
  const found = allowed ? [] : unsafeFields(objectAt(objectAt(spec, "template"), "spec"));
  if (found.length === 0) return;
  const why = `its template asks for ${found.join(", ")}; --kubernetes-unsafe-templates allows it`;
  throw new OrchestratorError(`Cannot apply workload "${name}": ${why}`, "invalid");
}

export function objectAt(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isObject(value) ? value : {};
}

function pick(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.flatMap((name) => object[name] === undefined ? [] : [[name, object[name]]]));
}

function without(object: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}
