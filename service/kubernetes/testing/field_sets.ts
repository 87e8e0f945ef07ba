export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Lists that the API server merges item by item, and the field that tells their items apart. */
const listKeys: Readonly<Record<string, string>> = {
  containers: "name",
  env: "name",
  volumes: "name",
  imagePullSecrets: "name",
  ports: "containerPort",
  volumeMounts: "mountPath",
};

/** Fields that are one value, whatever they look like. */
const atomicFields = new Set(["selector", "fieldRef", "emptyDir", "httpGet", "drop"]);

/** The leaves of a value by their path; a part of a path is `f:<field>` or `k:<key of an item>`. */
export function leavesOf(value: JsonObject): Map<string, Json> {
  const leaves = new Map<string, Json>();
  collect(value, "", [], leaves);
  return leaves;
}

const separator = "\u0000";

function collect(value: Json, field: string, path: readonly string[], leaves: Map<string, Json>): void {
  const key = listKeys[field];
  if (isObject(value) && !atomicFields.has(field) && Object.keys(value).length > 0) {
    for (const [name, member] of Object.entries(value)) collect(member, name, [...path, `f:${name}`], leaves);
  } else if (Array.isArray(value) && key !== undefined) {
    for (const item of value) {
      if (isObject(item)) collect(item, "", [...path, `k:${keyOf(item, key)}`], leaves);
    }
  } else {
    leaves.set(path.join(separator), value);
  }
}

/** Sets a leaf, with whatever has to be there around it. */
export function setLeaf(root: JsonObject, path: string, value: Json): void {
  const parts = path.split(separator);
  let holder: Json = root;
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    const name = part.slice(2);
    if (part.startsWith("f:") && isObject(holder)) {
      if (isLast) holder[name] = structuredClone(value);
      else holder = holder[name] ??= parts[index + 1]?.startsWith("k:") === true ? [] : {};
    } else if (Array.isArray(holder)) {
      const key = listKeys[parts[index - 1]?.slice(2) ?? ""] ?? "name";
      let item: Json | undefined = holder.find((one) => isObject(one) && keyOf(one, key) === name);
      if (item === undefined) holder.push(item = { [key]: key === "containerPort" ? Number(name) : name });
      holder = item;
    }
  }
}

/** Takes a leaf away, and items of lists of which nothing is left. */
export function removeLeaf(root: JsonObject, path: string): void {
  const parts = path.split(separator);
  const holders: Json[] = [root];
  for (const [index, part] of parts.slice(0, -1).entries()) {
    const holder = holders.at(-1);
    const key = listKeys[parts[index - 1]?.slice(2) ?? ""] ?? "name";
    const next = Array.isArray(holder)
      ? holder.find((one) => isObject(one) && keyOf(one, key) === part.slice(2))
      : isObject(holder)
      ? holder[part.slice(2)]
      : undefined;
    if (next === undefined) return;
    holders.push(next);
  }
  const last = holders.at(-1);
  if (isObject(last)) delete last[parts.at(-1)?.slice(2) ?? ""];
  for (let depth = holders.length - 1; depth > 0; depth--) {
    const [holder, parent] = [holders[depth], holders[depth - 1]];
    if (isObject(holder) && Object.keys(holder).length === 0 && Array.isArray(parent)) {
      parent.splice(parent.indexOf(holder), 1);
    }
  }
}

/** As `managedFields` shows a set of paths. */
export function fieldsV1(paths: Iterable<string>): JsonObject {
  const root: JsonObject = {};
  for (const path of paths) {
    let holder = root;
    for (const part of path.split(separator)) {
      const next = holder[part] ??= {};
      if (isObject(next)) holder = next;
    }
  }
  return root;
}

function keyOf(item: JsonObject, key: string): string {
  const value = item[key];
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
