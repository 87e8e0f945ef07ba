import { createHash } from "node:crypto";
import type { CollectorIdentity } from "../protocol/session.ts";
import type { RegistryRecord } from "./records.ts";

/** Longest id that is still a file name with what a store appends to it. */
const idBytesMax = 240;

/** What of a longer one is left, for people, before its hash. */
const headBytesMax = 160;

/**
 * The id of a collector's record: `<cluster>.<namespace>.<name>`, since collectors of different clusters and
 * namespaces may have one name. No two collectors have one id, whatever dots their names have:
 *
 * - A dot in a cluster or namespace is doubled. Both begin and end with a letter or digit, so that the first two
 *   single dots (runs of one) are the separators, and what follows them is the name as it is.
 * - An id that is too long has none of these: its dots become `_`, it is cut, and ends in a hash of the whole.
 */
export function collectorId({ cluster, namespace, name }: CollectorIdentity): string {
  const id = `${prefixOf({ cluster, namespace })}${name}`;
  if (id.length <= idBytesMax) return id;
  const hash = createHash("sha256").update(id).digest("hex");
  return `${id.slice(0, headBytesMax).replaceAll(".", "_")}-${hash}`;
}

/** The collector's own name within its namespace: what the record says, else what its id tells. */
export function collectorName(record: Pick<RegistryRecord, "cluster" | "namespace" | "id" | "name">): string {
  if (record.name !== undefined) return record.name;
  const prefix = prefixOf(record);
  return record.id.startsWith(prefix) ? record.id.slice(prefix.length) : record.id;
}

function prefixOf({ cluster, namespace }: Pick<CollectorIdentity, "cluster" | "namespace">): string {
  return `${escaped(cluster)}.${escaped(namespace)}.`;
}

function escaped(name: string): string {
  return name.replaceAll(".", "..");
}
