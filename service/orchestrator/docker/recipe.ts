import { createHash } from "node:crypto";
import { canonicalJson } from "../../../core/config/canonical.ts";
import { parseJson } from "../../../core/json.ts";
import {
  collectorArguments,
  collectorEnvironment,
  collectorImage,
  type CollectorLaunch,
} from "../collector_arguments.ts";
import { instanceName } from "../names.ts";
import { OrchestratorError } from "../orchestrator.ts";
import { fingerprintOf, type Workload, type WorkloadKey, workloadPath } from "../workload.ts";
import { type Applied, variableList, variablesOf } from "./applied.ts";
import type { FoundContainer } from "./engine_schema.ts";
import { labelNames, labelsOf } from "./labels.ts";

/** What is the same for all collectors of a service. */
export interface DockerSettings {
  readonly launch: CollectorLaunch;
  /** Which installation the containers belong to. */
  readonly owner: string;
  /** Networks that every collector joins besides its workload's: the way to services and exporters. */
  readonly networks: readonly string[];
  /** Folder of the engine's machine with `<clusterId>/<namespace>/` of secrets; null for none. */
  readonly secrets: string | null;
  /** `UID:GID`. */
  readonly user: string;
}

/** How the container of one instance is made. */
export interface Recipe {
  /** The container's name, and that of the volume with its data. */
  readonly name: string;
  readonly ordinal: number;
  readonly image: string;
  /** `POST /containers/create`. */
  readonly body: Readonly<Record<string, unknown>>;
  /** To be joined before it starts: the body has only the first one. */
  readonly networks: readonly string[];
  readonly fingerprint: string;
  /** Digest of all this. */
  readonly hash: string;
}

const resourcesDefault = { cpus: 1, memoryMiB: 256 };
const secretsPath = "/run/secrets";
const pidsMax = 512;
const stopTimeoutSeconds = 15;

/**
 * @throws OrchestratorError when nobody has named an image.
 */
export function recipeOf(workload: Workload, ordinal: number, settings: DockerSettings): Recipe {
  const { launch, owner } = settings;
  const image = imageOf(workload, launch);
  const name = containerName(owner, workload, ordinal);
  const { cpus, memoryMiB } = workload.resources ?? resourcesDefault;
  const networks = networksOf(workload, settings);
  const made = {
    Image: image,
    Cmd: collectorArguments(launch, workload, instanceName(workload.name, ordinal)),
    User: settings.user,
    StopTimeout: stopTimeoutSeconds,
    HostConfig: {
      NetworkMode: networks[0] ?? "bridge",
      RestartPolicy: { Name: "unless-stopped" },
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges"],
      Tmpfs: { "/tmp": "rw,noexec,nosuid,size=64m,mode=1777" },
      Mounts: mountsOf(workload, name, settings),
      Memory: Math.round(memoryMiB * 1024 * 1024),
      NanoCpus: Math.round(cpus * 1e9),
      PidsLimit: pidsMax,
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    },
  };
  const { Env: templateEnv, Labels: templateLabels, ...template } = workload.template;
  const env = { ...templateVariables(templateEnv), ...collectorEnvironment(launch, workload) };
  const labels = { ...templateStrings(templateLabels), ...workload.labels };
  const body = { ...overlay(made, template), Env: variableList(env) };
  const fingerprint = fingerprintOf(workload);
  const hash = createHash("sha256").update(canonicalJson({ body, labels, networks })).digest("hex");
  const marks = {
    ...labelsOf(owner, workload),
    [labelNames.ordinal]: String(ordinal),
    [labelNames.fingerprint]: fingerprint,
    [labelNames.wish]: canonicalJson({ ...workload, replicas: undefined }),
    [labelNames.recipe]: hash,
    [labelNames.applied]: canonicalJson(appliedBy(body, { image, env, labels, networks })),
  };
  return { name, ordinal, image, body: { ...body, Labels: { ...labels, ...marks } }, networks, fingerprint, hash };
}

function mountsOf(workload: Workload, volume: string, { launch, owner, secrets }: DockerSettings): unknown[] {
  const labels = labelsOf(owner, workload);
  const data = { Type: "volume", Source: volume, Target: launch.data, VolumeOptions: { Labels: labels } };
  if (secrets === null) return [data];
  const source = `${secrets.replace(/\/+$/, "")}/${workload.clusterId}/${workload.namespace}`;
  return [data, { Type: "bind", Source: source, Target: secretsPath, ReadOnly: true }];
}

/**
 * `<owner>.<cluster>.<namespace>.<instance>`, with each dot of the first three doubled, so that no two instances have
 * one name.
 */
export function containerName(owner: string, key: WorkloadKey, ordinal: number): string {
  const before = [owner, key.clusterId, key.namespace].map((part) => part.replaceAll(".", ".."));
  return [...before, instanceName(key.name, ordinal)].join(".");
}

function imageOf(workload: Workload, launch: CollectorLaunch): string {
  const image = collectorImage(launch, workload);
  if (image !== "") return image;
  throw new OrchestratorError(
    `Cannot run workload "${workloadPath(workload)}": nothing names an image; set --collector-image, `
      + "or the image of the Collector document",
    "invalid",
  );
}

/** The wish that a container was made for, with no replicas; null for one that somebody else made. */
export function wishOf({ Config: { Labels } }: FoundContainer): Workload | null {
  const wish = parseJson(Labels[labelNames.wish] ?? "");
  if (!isObject(wish)) return null;
  const workload = { ...wish, replicas: 0 } as unknown as Workload;
  // Whatever has this fingerprint was a workload.
  return fingerprintOf(workload) === Labels[labelNames.fingerprint] ? workload : null;
}

/** The business network first: it is the one that the container is made in. */
function networksOf({ network }: Workload, { networks }: DockerSettings): string[] {
  const mode = network.hostNetwork ? "host" : network.networkMode;
  // These share somebody else's network, or have none: the engine joins nothing to them.
  if (/^(host|none|container:.*)$/i.test(mode)) return [mode.toLowerCase()];
  return [...new Set([...mode === "" || /^(default|bridge)$/i.test(mode) ? [] : [mode], ...networks])];
}

function appliedBy(
  body: Readonly<Record<string, unknown>>,
  known: Pick<Applied, "image" | "env" | "labels" | "networks">,
): Applied {
  const host = objectOf(body["HostConfig"]);
  const cmd = body["Cmd"];
  return {
    ...known,
    image: String(body["Image"]),
    arguments: Array.isArray(cmd) ? cmd.map(String) : [],
    memory: Number(host["Memory"] ?? 0),
    nanoCpus: Number(host["NanoCpus"] ?? 0),
  };
}

/** Objects are merged, everything else replaces. */
export function overlay(
  base: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = base[key];
    merged[key] = isObject(below) && isObject(value) ? overlay(below, value) : value;
  }
  return merged;
}

/** The engine's list of `NAME=VALUE`. */
function templateVariables(value: unknown): Record<string, string> {
  return Array.isArray(value) ? variablesOf(value.map(String)) : {};
}

function templateStrings(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(objectOf(value)).map(([name, member]) => [name, String(member)]));
}

function objectOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
