import type { TargetIdentity } from "../../core/scrape/target_identity.ts";

export type { TargetIdentity };

/**
 * The identity as one text, unique and readable in logs: `cluster/namespace/metric/address/pod`, and ` endpoint` where
 * the target has a path or parameters of its own. Of the parts before the endpoint only the pod may hold a slash.
 */
export function identityKey({ cluster, namespace, metric, address, pod, endpoint }: TargetIdentity): string {
  const key = `${cluster}/${namespace}/${metric}/${address}/${pod}`;
  return endpoint === undefined ? key : `${key} ${endpoint}`;
}

/**
 * Where in its period a target is scraped: 0 to `frequencyMs` - 1. It depends on nothing but the two, so every owner
 * of the target scrapes it at the same moments of the wall clock, and different targets spread over the period.
 */
export function offsetOf(key: string, frequencyMs: number): number {
  return hash32(key) % frequencyMs;
}

/** The smallest moment after `afterMs` that is congruent to `offsetMs` modulo `frequencyMs` (Unix milliseconds). */
export function nextTick(offsetMs: number, frequencyMs: number, afterMs: number): number {
  return Math.floor((afterMs - offsetMs) / frequencyMs) * frequencyMs + frequencyMs + offsetMs;
}

/** FNV-1a over UTF-16 code units, with the finaliser of MurmurHash3, since FNV alone leaves similar texts close. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
