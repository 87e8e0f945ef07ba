import { isObject, itemKeyOf, type Json, type JsonObject, overlay } from "../kubernetes/overlay.ts";

/**
 * What is to be written over something that is there: what was applied before goes, what somebody else has added stays,
 * and what we wish now is laid over it.
 *
 * @param applied null for something that somebody else has made: then all of it stays.
 */
export function mergeApplied(live: JsonObject, applied: JsonObject | null, wished: JsonObject): JsonObject {
  return overlay(applied === null ? live : without(live, applied), wished);
}

/** `live` without the leaves that `applied` has too, whatever they are now. */
function without(live: JsonObject, applied: JsonObject): JsonObject {
  const rest: Record<string, Json> = {};
  for (const [name, value] of Object.entries(live)) {
    const before = applied[name];
    if (before === undefined) rest[name] = value;
    else if (isObject(value) && isObject(before)) {
      const inner = without(value, before);
      if (Object.keys(inner).length > 0) rest[name] = inner;
    } else if (Array.isArray(value) && Array.isArray(before)) {
      const items = itemsWithout(name, value, before);
      if (items.length > 0) rest[name] = items;
    }
  }
  return rest;
}

/** Items of a list that has keys, such as variables; any other list is one value, which goes. */
function itemsWithout(name: string, live: readonly Json[], applied: readonly Json[]): Json[] {
  const key = itemKeyOf(name, [...live, ...applied]);
  if (key === null) return [];
  const gone = new Set(applied.map((item) => isObject(item) ? item[key] : undefined));
  return live.filter((item) => !gone.has(isObject(item) ? item[key] : undefined));
}
