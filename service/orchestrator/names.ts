import { createHash } from "node:crypto";

/**
 * Longest derived name in bytes. It leaves room in a file name (255) for `.yaml` and for what a store appends while
 * it writes.
 */
const derivedBytesMax = 220;
const ordinalBytesMax = "-999".length;
const hashDigits = 10;

/** Name of the collector workload of a namespace that has no Collector document: `bcs-collector-<namespace>`. */
export function defaultWorkloadName(namespace: string): string {
  return shortened(`bcs-collector-${namespace}`, derivedBytesMax - ordinalBytesMax);
}

/** `<workload>-<ordinal>`: name of a collector instance and of its collection. */
export function instanceName(workload: string, ordinal: number): string {
  return `${shortened(workload, derivedBytesMax - ordinalBytesMax)}-${ordinal}`;
}

/** A name that is too long ends in a hash of the whole, so that two long ones stay apart. */
function shortened(name: string, bytesMax: number): string {
  if (name.length <= bytesMax) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, hashDigits);
  return `${name.slice(0, bytesMax - hashDigits - 1)}-${hash}`;
}
