import { z } from "zod";
import { checkSchema } from "../../core/config/issues.ts";
import { nameProblem } from "../../core/config/names.ts";
import { clusterType, type MetricDocument, workloadSettings } from "../../core/config/schema.ts";
import { readYaml } from "../../core/config/yaml.ts";
import { UserError } from "../../core/errors.ts";

const settings = z.strictObject(workloadSettings);

/** What a template, or a Collector document, says of a workload. */
export type WorkloadSettings = z.output<typeof settings>;

const namespaceKey = z.string().refine((text) => isNamespace(text), {
  error: "must be the name of a namespace, or clusterId/namespace",
});

const fileSchema = z.strictObject({
  clusterTypes: z.partialRecord(clusterType, settings).default({}),
  namespaces: z.record(namespaceKey, settings).default({}),
});

/**
 * The templates of collector workloads:
 * ```yaml
 * clusterTypes:
 *   k8s: { image: registry.example/bcs-metric:1, imagePullSecrets: [registry] }
 *   mesos: { network: { networkMode: USER, networkType: cni } }
 * namespaces:
 *   shop: { resources: { cpus: 2, memoryMiB: 512 } } # in every cluster
 *   BCS-K8S-00001/shop: { env: { TEAM: trade } }
 * ```
 */
export interface Templates {
  readonly clusterTypes: ReadonlyMap<string, WorkloadSettings>;
  /** By namespace, or `clusterId/namespace`. */
  readonly namespaces: ReadonlyMap<string, WorkloadSettings>;
}

export const noTemplates: Templates = { clusterTypes: new Map(), namespaces: new Map() };

export interface TemplateFile {
  readonly path: string;
  readonly text: string;
}

/** The templates cannot be used; the message has a line `path:line:column: reason` for each problem. */
export class TemplateError extends UserError {
  override name = "TemplateError";
}

/**
 * Reads the templates that one or several files hold together.
 * @throws TemplateError when a file is wrong, or two have a template for one thing.
 */
export function readTemplates(files: readonly TemplateFile[]): Templates {
  const clusterTypes = new Map<string, WorkloadSettings>();
  const namespaces = new Map<string, WorkloadSettings>();
  const origins = new Map<string, string>();
  const problems: string[] = [];
  for (const { path, text } of files) {
    const yaml = readYaml(text);
    if (!yaml.ok) {
      problems.push(...yaml.problems.map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`));
      continue;
    }
    const { placeOf, placeOfKey, value: draft } = yaml.document;
    const { value, issues } = checkSchema(fileSchema, draft);
    problems.push(...issues.map(({ path: field, at, message }) => {
      const { line, column } = at === "key" ? placeOfKey(field) : placeOf(field);
      return `${path}:${line}:${column}: ${field.length === 0 ? "" : `${field.join(".")} `}${message}`;
    }));
    for (const [member, into] of [["clusterTypes", clusterTypes], ["namespaces", namespaces]] as const) {
      for (const [key, one] of Object.entries(value?.[member] ?? {})) {
        const field = `${member}.${key}`;
        const origin = origins.get(field);
        if (origin !== undefined) {
          const { line, column } = placeOfKey([member, key]);
          problems.push(`${path}:${line}:${column}: ${field} is in ${origin} too`);
        }
        origins.set(field, path);
        into.set(key, one);
      }
    }
  }
  if (problems.length > 0) throw new TemplateError(problems.slice(0, problemsMax).join("\n"));
  return { clusterTypes, namespaces };
}

const problemsMax = 20;

/** The templates that concern a namespace; a later one goes before an earlier one. */
export function layersFor(
  templates: Templates,
  type: MetricDocument["spec"]["clusterType"],
  { clusterId, namespace }: { readonly clusterId: string; readonly namespace: string },
): WorkloadSettings[] {
  return [
    templates.clusterTypes.get(type),
    templates.namespaces.get(namespace),
    templates.namespaces.get(`${clusterId}/${namespace}`),
  ].flatMap((layer) => layer ?? []);
}

/** One over the other: what `over` says replaces, but for mappings, which are merged. */
export function layOver(under: WorkloadSettings, over: WorkloadSettings): WorkloadSettings {
  const { image, imagePullSecrets, resources } = over;
  return {
    ...under,
    ...image === undefined ? {} : { image },
    ...imagePullSecrets === undefined ? {} : { imagePullSecrets },
    ...resources === undefined ? {} : { resources },
    ...over.network === undefined ? {} : { network: { ...under.network, ...over.network } },
    ...over.env === undefined ? {} : { env: { ...under.env, ...over.env } },
    ...over.labels === undefined ? {} : { labels: { ...under.labels, ...over.labels } },
    ...over.template === undefined ? {} : { template: mergeObjects(under.template ?? {}, over.template) },
  };
}

/** Objects are merged, everything else replaces. */
function mergeObjects(
  under: Readonly<Record<string, unknown>>,
  over: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
    merged[key] = isObject(before) && isObject(value) ? mergeObjects(before, value) : value;
  }
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNamespace(text: string): boolean {
  const names = text.split("/");
  return names.length <= 2 && names.every((name) => nameProblem(name) === null);
}
