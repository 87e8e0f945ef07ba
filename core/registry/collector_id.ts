import { createHash } from "node:crypto";
import type { CollectorIdentity } from "../protocol/session.ts";

/** Longest id that is still a file name with what a store appends to it. */
const idBytesMax = 240;
const idHashDigits = 12;

/**
 * The id of a collector's record. Collectors of different clusters and namespaces may have one name, so all three
 * make it.
 */
export function collectorId({ cluster, namespace, name }: CollectorIdentity): string {
  const id = `${cluster}.${namespace}.${name}`;
  if (id.length <= idBytesMax) return id;
  // A name that is too long ends in a hash of the whole, so that two long ones stay apart.
  const hash = createHash("sha256").update(id).digest("hex").slice(0, idHashDigits);
  return `${id.slice(0, idBytesMax - idHashDigits)}${hash}`;
}
