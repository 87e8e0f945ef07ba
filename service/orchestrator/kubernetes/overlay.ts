export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** By which field the API server tells the items of a list apart, for lists whose items are merged one by one. */
const itemKeys: Readonly<Record<string, string>> = {
  containers: "name",
  initContainers: "name",
  env: "name",
  volumes: "name",
  imagePullSecrets: "name",
  ports: "containerPort",
  volumeMounts: "mountPath",
};

/** The field that tells the items of the list `name` apart; null for a list that is one value. */
export function itemKeyOf(name: string, list: readonly Json[]): string | null {
  const key = itemKeys[name];
  return key !== undefined && list.every((item) => isObject(item) && item[key] !== undefined) ? key : null;
}

/**
 * `over` laid over `base`: objects are merged, and so are lists whose items have names, such as containers and volumes;
 * a variable of the same name, and everything else, is replaced. null takes a field away.
 */
export function overlay(base: JsonObject, over: JsonObject): JsonObject {
  const merged: Record<string, Json> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    if (value === null) delete merged[name];
    else merged[name] = overlayValue(name, base[name], value);
  }
  return merged;
}

function overlayValue(name: string, base: Json | undefined, over: Json): Json {
  if (isObject(base) && isObject(over)) return overlay(base, over);
  if (!Array.isArray(base) || !Array.isArray(over)) return over;
  const [baseItems, overItems]: [readonly Json[], readonly Json[]] = [base, over];
  const key = itemKeyOf(name, [...baseItems, ...overItems]);
  if (key === null) return over;
  const items = new Map(baseItems.map((item) => [keyOf(item, key), item]));
  for (const item of overItems) {
    const former = items.get(keyOf(item, key));
    // A variable has either a value or a source: two of them merged would have both.
    const merges = name !== "env" && isObject(former) && isObject(item);
    items.set(keyOf(item, key), merges ? overlay(former, item) : item);
  }
  return [...items.values()];
}

function keyOf(item: Json, key: string): Json | undefined {
  return isObject(item) ? item[key] : undefined;
}
