import { z } from "zod";
import { parseJson } from "../../../core/json.ts";
import { environmentName } from "../../../core/options.ts";
import {
  collectorArguments,
  collectorEnvironment,
  collectorImage,
  type CollectorLaunch,
} from "../collector_arguments.ts";
import { annotations, collectorLabel, objectAt } from "../kubernetes/collector_set.ts";
import { differences } from "../kubernetes/drift.ts";
import { setName } from "../kubernetes/kube_names.ts";
import { isObject, type Json, type JsonObject, overlay } from "../kubernetes/overlay.ts";
import { instanceName } from "../names.ts";
import { OrchestratorError } from "../orchestrator.ts";
import { type Difference, fingerprintOf, type Workload } from "../workload.ts";
import { mergeApplied } from "./merge.ts";

/** BCS replaces these in the values of variables, for each instance by its own. */
const instanceId = "${bcs.instanceid}";
const graceSeconds = 30;
const defaultResources = { cpus: 1, memoryMiB: 256 };

/**
 * The application of BCS to be written for a workload.
 *
 * @param live its definition as it is; null when there is none. What somebody else has added to it stays, and of one
 * that somebody else has made everything that the wish does not name.
 * @throws OrchestratorError for a wish that cannot be carried out.
 */
export function bcsApplication(workload: Workload, launch: CollectorLaunch, live: JsonObject | null): JsonObject {
  const before = live === null ? null : keyed(live);
  const adopted = live !== null && isForeign(live);
  const made = adopted ? adoptedApplication(workload, launch) : ownApplication(workload, launch);
  const wished = overlay(made, keyed(workload.template as JsonObject));
  const applied = live === null ? null : appliedOf(live);
  const merged = before === null ? wished : mergeApplied(before, applied, wished);
  const metadata = objectAt(merged, "metadata");
  return unkeyed({
    ...merged,
    metadata: {
      ...metadata,
      name: setName(workload.name),
      namespace: workload.namespace,
      annotations: {
        ...objectAt(metadata, "annotations"),
        [annotations.clusterId]: workload.clusterId,
        [annotations.workload]: workload.name,
        [annotations.fingerprint]: fingerprintOf(workload),
        [annotations.applied]: JSON.stringify(wished),
        ...(adopted ? { [annotations.adopted]: "true" } : {}),
      },
    },
  });
}

/** The definition for another number of instances. */
export function withInstances(application: JsonObject, instance: number): JsonObject {
  return { ...application, spec: { ...objectAt(application, "spec"), instance } };
}

/** What is kept with a definition. */
export interface KeptWith {
  /** "" for one that was made from outside. */
  readonly clusterId: string;
  /** The workload's real name; "" for one that was made from outside. */
  readonly workload: string;
  readonly fingerprint: string;
}

export function keptWith(definition: JsonObject): KeptWith {
  const kept = objectAt(objectAt(definition, "metadata"), "annotations");
  const text = (name: string) => typeof kept[name] === "string" ? kept[name] : "";
  return {
    clusterId: text(annotations.clusterId),
    workload: text(annotations.workload),
    fingerprint: text(annotations.fingerprint),
  };
}

/** What somebody else has changed of a definition that was applied. */
export function driftOf(definition: JsonObject): Difference[] {
  const applied = appliedOf(definition);
  return applied === null ? [] : differences(applied, keyed(definition));
}

function ownApplication(workload: Workload, launch: CollectorLaunch): JsonObject {
  const image = collectorImage(launch, workload);
  if (image === "") {
    const why = "no image is named; give --collector-image";
    throw new OrchestratorError(`Cannot apply workload "${workload.name}": ${why}`, "invalid");
  }
  const { networkMode, networkType } = workload.network;
  const mode = networkMode === "" ? "BRIDGE" : networkMode;
  // On the host's own network the next collector would find the port taken.
  const own = mode.toUpperCase() === "HOST" ? { ...launch, http: "0.0.0.0:0" } : launch;
  return {
    apiVersion: "v1",
    kind: "application",
    restartPolicy: { policy: "Always", interval: 5, backoff: 10, maxtimes: 0 },
    killPolicy: { gracePeriod: graceSeconds },
    metadata: { labels: labelsOf(workload) },
    spec: {
      template: {
        metadata: { labels: labelsOf(workload) },
        spec: {
          containers: {
            0: {
              type: "DOCKER",
              image,
              imagePullPolicy: "IfNotPresent",
              command: "",
              args: collectorArguments(own, workload, instanceBase(workload)),
              env: variables({ [environmentName("ordinalOf")]: `instance-${instanceId}` }).concat(
                variables(collectorEnvironment(launch, workload)),
              ),
              resources: resourcesOf(workload.resources ?? defaultResources),
              // Without a path of the host it is a folder of this instance alone.
              volumes: [{ name: "data", volume: { hostPath: "", mountPath: launch.data, readOnly: false } }],
            },
          },
          networkMode: mode,
          ...(networkType === "" ? {} : { networktype: networkType }),
        },
      },
    },
  };
}

/** One from outside gets what a collector needs to know as variables, which its own flags outdo. */
function adoptedApplication(workload: Workload, launch: CollectorLaunch): JsonObject {
  const { networkMode, networkType } = workload.network;
  const known = {
    cluster: workload.clusterId,
    namespace: workload.namespace,
    name: instanceBase(workload),
    ordinalOf: `instance-${instanceId}`,
    configSource: "http",
    service: launch.services.join(","),
    exporter: launch.exporter ?? "",
  };
  const options = Object.entries(known).filter(([, value]) => value !== "")
    .map(([name, value]): [string, string] => [environmentName(name), value]);
  return {
    metadata: { labels: labelsOf(workload) },
    spec: {
      template: {
        metadata: { labels: labelsOf(workload) },
        spec: {
          containers: {
            0: {
              ...(workload.image === "" ? {} : { image: workload.image }),
              env: variables({ ...Object.fromEntries(options), ...workload.env }),
              ...(workload.resources === null ? {} : { resources: resourcesOf(workload.resources) }),
            },
          },
          ...(networkMode === "" ? {} : { networkMode }),
          ...(networkType === "" ? {} : { networktype: networkType }),
        },
      },
    },
  };
}

function labelsOf(workload: Workload): JsonObject {
  return { ...workload.labels, [collectorLabel]: setName(workload.name) };
}

/** Name of an instance without its ordinal. */
function instanceBase({ name }: Workload): string {
  return instanceName(name, 0).slice(0, -"-0".length);
}

function variables(env: Readonly<Record<string, string>>): JsonObject[] {
  return Object.entries(env).toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, value]) => ({ name, value }));
}

/** Cores and MiB, both as text. */
function resourcesOf({ cpus, memoryMiB }: { readonly cpus: number; readonly memoryMiB: number }): JsonObject {
  const memory = String(memoryMiB);
  // A collector rests between scrapes: what it may use at most is not what a node has to set aside for it.
  return { limits: { cpu: String(cpus), memory }, requests: { cpu: String(Math.max(0.01, cpus / 10)), memory } };
}

/** Whether somebody else has made it. */
function isForeign(live: JsonObject): boolean {
  const kept = objectAt(objectAt(live, "metadata"), "annotations");
  return kept[annotations.fingerprint] === undefined || kept[annotations.adopted] === "true";
}

const appliedText = z.string();

/** What was applied last, with its containers by their place; null when nothing was. */
function appliedOf(live: JsonObject): JsonObject | null {
  const text = appliedText.safeParse(objectAt(objectAt(live, "metadata"), "annotations")[annotations.applied]);
  const value = text.success ? parseJson(text.data) : undefined;
  return isObject(value) ? value : null;
}

/** Containers have no names in BCS: their place in the list tells them apart. The first one is the collector's. */
function keyed(application: JsonObject): JsonObject {
  return mapContainers(
    application,
    (containers) => Array.isArray(containers) ? Object.fromEntries(Object.entries(containers)) : containers,
  );
}

function unkeyed(application: JsonObject): JsonObject {
  return mapContainers(application, (containers) => isObject(containers) ? Object.values(containers) : containers);
}

function mapContainers(application: JsonObject, map: (containers: Json) => Json): JsonObject {
  const spec = objectAt(application, "spec");
  const template = objectAt(spec, "template");
  const pod = objectAt(template, "spec");
  const { containers } = pod;
  if (containers === undefined) return application;
  return {
    ...application,
    spec: { ...spec, template: { ...template, spec: { ...pod, containers: map(containers) } } },
  };
}
