import type { Difference } from "../workload.ts";
import { isObject, itemKeyOf, type Json, type JsonObject } from "./overlay.ts";

/**
 * What of `applied` is found otherwise. Fields that were not applied are others' business. The API server may write a
 * quantity in another way: that is no difference.
 */
export function differences(applied: JsonObject, found: JsonObject): Difference[] {
  return compare(applied, found, []);
}

function compare(applied: Json, found: Json | undefined, path: readonly string[]): Difference[] {
  if (isObject(applied)) {
    if (!isObject(found)) return Object.keys(applied).length === 0 ? [] : [difference(applied, found, path)];
    return Object.entries(applied).flatMap(([name, value]) => compare(value, found[name], [...path, name]));
  }
  if (Array.isArray(applied)) return compareLists(applied, found, path);
  return sameScalar(applied, found, path) ? [] : [difference(applied, found, path)];
}

function compareLists(applied: readonly Json[], found: Json | undefined, path: readonly string[]): Difference[] {
  const others: readonly Json[] = Array.isArray(found) ? found : [];
  const key = itemKeyOf(path.at(-1) ?? "", [...applied, ...others]);
  if (key === null) return JSON.stringify(applied) === JSON.stringify(found) ? [] : [difference(applied, found, path)];
  return applied.flatMap((item) => {
    const id = isObject(item) ? item[key] : undefined;
    const other = others.find((one) => isObject(one) && one[key] === id);
    return compare(item, other, [...path, textOf(id)]);
  });
}

function sameScalar(applied: Json, found: Json | undefined, path: readonly string[]): boolean {
  if (applied === found) return true;
  const isQuantity = path.includes("resources") || path.at(-1) === "sizeLimit";
  if (isQuantity) return quantity(applied) === quantity(found);
  // What is empty or zero anyhow is left out of what a server answers.
  return found === undefined && (applied === "" || applied === false || applied === 0);
}

const suffixes: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function quantity(value: Json | undefined): number | null {
  const match = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(textOf(value));
  const factor = match?.[2] === "" ? 1 : suffixes[match?.[2] ?? ""];
  return match === null || factor === undefined ? null : Number(match[1]) * factor;
}

function difference(applied: Json, found: Json | undefined, path: readonly string[]): Difference {
  return { field: fieldOf(path), applied: textOf(applied), found: textOf(found) };
}

function textOf(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  if (isObject(value) && typeof value["value"] === "string") return value["value"];
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** As people call it: `env.NAME` and `image` of the collector's container, else the path in the StatefulSet. */
function fieldOf(path: readonly string[]): string {
  const inContainer = path.slice(0, 4).join(".") === "spec.template.spec.containers";
  if (!inContainer) return path.filter((part) => part !== "metadata").join(".");
  const rest = path.slice(5);
  return (rest[0] === "env" && rest[2] === "value" ? rest.slice(0, 2) : rest).join(".");
}
