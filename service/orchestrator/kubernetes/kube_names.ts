import { createHash } from "node:crypto";

/**
 * A pod is called `<set>-<ordinal>`, and the label of its revision is `<set>-<10 digits>`: that one, with at most 63
 * characters, bounds the name of a set.
 */
const setNameCharsMax = 52;
const labelCharsMax = 63;
const hashDigits = 10;

/**
 * Name of the StatefulSet of a workload: the workload's own where Kubernetes allows it, else what is left of it with a
 * hash, so that no two workloads share one.
 */
export function setName(workload: string): string {
  if (/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(workload) && workload.length <= setNameCharsMax) return workload;
  const plain = workload.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^[^a-z]+/, "");
  return withHash(plain === "" ? "collector" : plain, workload, setNameCharsMax);
}

/** The value itself where a label may have it, else what is left of it with a hash. */
export function labelValue(value: string): string {
  if (/^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/.test(value) && value.length <= labelCharsMax) return value;
  const plain = value.replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return withHash(plain === "" ? "x" : plain, value, labelCharsMax);
}

function withHash(plain: string, whole: string, charsMax: number): string {
  const hash = createHash("sha256").update(whole).digest("hex").slice(0, hashDigits);
  return `${plain.slice(0, charsMax - hashDigits - 1).replace(/[^A-Za-z0-9]+$/, "")}-${hash}`;
}
