import { isObject, type Json, type JsonObject } from "./field_sets.ts";
import type { KubeJson } from "./store.ts";

/** What an API server would refuse with 422; null for a StatefulSet that it takes. */
export function setProblem(next: KubeJson, before: KubeJson | null): string | null {
  const { name } = next.metadata;
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) || name.length > 253) {
    return `metadata.name: Invalid value: "${name}"`;
  }
  const [spec, template] = [at(next, "spec"), at(at(next, "spec"), "template")];
  const labels = at(at(template, "metadata"), "labels");
  const selector = at(at(spec, "selector"), "matchLabels");
  if (Object.keys(selector).length === 0) return "spec.selector: Required value";
  for (const [key, value] of Object.entries(selector)) {
    if (labels[key] !== value) return "spec.template.metadata.labels: `selector` does not match template `labels`";
  }
  for (const [key, value] of [...Object.entries(labels), ...Object.entries(at(at(next, "metadata"), "labels"))]) {
    if (
      typeof value !== "string" || !/^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/.test(value) || value.length > 63
    ) {
      return `metadata.labels.${key}: Invalid value: ${JSON.stringify(value)}`;
    }
  }
  const containers = listAt(at(template, "spec"), "containers");
  if (containers.length === 0) return "spec.template.spec.containers: Required value";
  for (const container of containers) {
    if (typeof container["image"] !== "string" || container["image"] === "") {
      return "spec.template.spec.containers[0].image: Required value";
    }
    for (const variable of listAt(container, "env")) {
      if (variable["value"] !== undefined && variable["value"] !== "" && variable["valueFrom"] !== undefined) {
        return "env: may not be specified when `value` is not empty";
      }
    }
  }
  if (before === null) return null;
  for (const field of ["selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"]) {
    if (JSON.stringify(at(before, "spec")[field]) !== JSON.stringify(spec[field])) {
      return "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template', and "
        + "'updateStrategy' are forbidden";
    }
  }
  return null;
}

/** What an API server fills in. */
export function withDefaults(set: KubeJson): KubeJson {
  const spec = at(set, "spec");
  const filled = { podManagementPolicy: "OrderedReady", revisionHistoryLimit: 10, replicas: 1, ...spec };
  return { ...set, spec: filled };
}

export function at(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isObject(value) ? value : {};
}

export function listAt(object: JsonObject, name: string): JsonObject[] {
  const value: Json | undefined = object[name];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** A field that is a text or a number, as text; "" for anything else. */
export function textAt(object: JsonObject, name: string): string {
  const value = object[name];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
