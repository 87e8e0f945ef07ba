import { fieldsV1, isObject, type Json, type JsonObject, leavesOf, removeLeaf, setLeaf } from "./field_sets.ts";

/** Which fields each manager owns; managers of the operations Apply and Update are others, even of one name. */
export type Managers = Map<string, Set<string>>;

export class ApplyConflict extends Error {
  override name = "ApplyConflict";
}

/**
 * Server-side apply: the configuration becomes part of the object, and what the manager had applied before and names
 * no more goes, unless somebody else owns it too.
 * @throws ApplyConflict when another manager owns a field of another value, and `force` is not asked for.
 */
export function applyConfiguration(
  live: JsonObject,
  managers: Managers,
  { config, manager, force }: { readonly config: JsonObject; readonly manager: string; readonly force: boolean },
): void {
  const wanted = leavesOf(ownable(config));
  const present = leavesOf(ownable(live));
  const name = `Apply ${manager}`;
  const others = [...managers].filter(([other]) => other !== name);
  for (const [path, value] of wanted) {
    if (!present.has(path) || JSON.stringify(present.get(path)) === JSON.stringify(value)) continue;
    for (const [other, owned] of others) {
      if (!owned.has(path)) continue;
      if (!force) throw new ApplyConflict(`conflict with "${other}": ${path.replaceAll("\u0000", ".")}`);
      owned.delete(path);
    }
  }
  for (const path of managers.get(name) ?? []) {
    if (!wanted.has(path) && !others.some(([, owned]) => owned.has(path))) removeLeaf(live, path);
  }
  for (const [path, value] of wanted) setLeaf(live, path, value);
  managers.set(name, new Set(wanted.keys()));
}

/** Notes what a write that is no apply has changed. */
export function noteUpdate(before: JsonObject, after: JsonObject, managers: Managers, manager: string): void {
  const [old, now] = [leavesOf(ownable(before)), leavesOf(ownable(after))];
  const changed = [...now].filter(([path, value]) => JSON.stringify(old.get(path)) !== JSON.stringify(value))
    .map(([path]) => path);
  const gone = [...old.keys()].filter((path) => !now.has(path));
  for (const owned of managers.values()) for (const path of [...changed, ...gone]) owned.delete(path);
  if (changed.length === 0) return;
  const name = `Update ${manager}`;
  managers.set(name, new Set([...managers.get(name) ?? [], ...changed]));
}

/** `metadata.managedFields`. */
export function managedFields(managers: Managers): Json {
  return [...managers].filter(([, owned]) => owned.size > 0).map(([name, owned]) => {
    const [operation = "", manager = ""] = name.split(" ", 2);
    return { manager, operation, apiVersion: "apps/v1", fieldsType: "FieldsV1", fieldsV1: fieldsV1(owned) };
  });
}

/** Without what identifies the object or is the server's own. */
function ownable({ metadata, spec }: JsonObject): JsonObject {
  const { labels = {}, annotations = {} } = isObject(metadata) ? metadata : {};
  return { metadata: { labels, annotations }, spec: spec ?? {} };
}
