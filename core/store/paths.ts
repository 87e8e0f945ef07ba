import { nameProblem } from "../config/names.ts";
import { StorePathError, systemPrefix } from "./store.ts";

/** Largest entry that a user writes. */
const entryBytesMaxDefault = 1024 * 1024;

/** Largest entry that the system writes: a collector's share of a big namespace, or its status. */
const generatedBytesMax = 16 * 1024 * 1024;

/** Characters of a name that is too long that its error repeats. */
const nameShownMax = 40;

const systemFolder = systemPrefix.slice(0, -1);

/** How many bytes the text at `path` may have: 1 MiB, or 16 MiB for what the system itself generates. */
export function entryBytesMax(path: string): number {
  return path.startsWith(systemPrefix) || path.split("/")[1] === "collection"
    ? generatedBytesMax
    : entryBytesMaxDefault;
}

/**
 * Whether a file is an entry: `.yaml` files, and every file in the system's folder. Hidden names are none: they are
 * Git's, an editor's, our own temporary files, or the innards of a mounted ConfigMap.
 */
export function isEntryPath(path: string): boolean {
  return !isHiddenPath(path) && (path.startsWith(systemPrefix) || path.endsWith(".yaml"));
}

/** Whether a segment of `path` begins with a dot, the system's folder aside. */
export function isHiddenPath(path: string): boolean {
  return path.split("/").some((segment, index) => segment.startsWith(".") && (index > 0 || segment !== systemFolder));
}

/**
 * @throws StorePathError unless `path` is relative, stays inside the store and consists of safe names (design
 * section 4), such as `BCS-K8S-00001/metric/shop/cart.yaml` or `.bcs-metric/registry/exporter/a.json`.
 */
export function requireEntryPath(path: string): void {
  const [first, ...rest] = path.split("/");
  const names = first === systemFolder && rest.length > 0 ? rest : path.split("/");
  for (const name of names) {
    const problem = nameProblem(name);
    if (problem === null) continue;
    // Of an entry's name its ending counts too, so that it is a file's name (of 255 bytes) on every volume.
    const shown = name.length > nameShownMax ? `${name.slice(0, nameShownMax)}…` : name;
    throw new StorePathError(`Cannot use the path "${path}": "${shown}" ${problem}`);
  }
  if (!isEntryPath(path)) {
    throw new StorePathError(`Cannot use the path "${path}": entries end in .yaml, except in ${systemPrefix}`);
  }
}
