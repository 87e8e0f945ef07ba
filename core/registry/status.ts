import { z } from "zod";
import { messageOf } from "../errors.ts";
import { type Store, systemPrefix } from "../store/store.ts";

/** What a collector tells of one target. */
export interface TargetStatus {
  readonly metric: string;
  /** `host:port`. */
  readonly address: string;
  readonly pod: string;
  /** Where it is more than the address: the target has a path or parameters of its own. */
  readonly endpoint?: string;
  /** `unknown` until the first scrape has ended. */
  readonly health: "up" | "down" | "unknown";
  /** Unix milliseconds of the last scrape; 0 before the first. */
  readonly lastScrapeMs: number;
  readonly durationMs: number;
  /** Samples of the last scrape; 0 when it failed. */
  readonly samples: number;
  /** Of the last scrape's body, decompressed; absent when an older collector tells. */
  readonly bodyBytes?: number;
  /** Epoch of the collector and, in it, sequence of the last record of the last scrape; absent before the first. */
  readonly epoch?: string;
  readonly sequence?: number;
  /** Why the last scrape failed; "" when it did not. */
  readonly error: string;
}

/** What a collector that is configured by files tells of its targets, as one entry of the store. */
export interface CollectorStatus {
  readonly collector: string;
  /** The generation of the collection that the collector has applied; 0 before the first. */
  readonly generation: number;
  /** Unix milliseconds. */
  readonly reportedAtMs: number;
  readonly targets: readonly TargetStatus[];
}

const statusSchema = z.object({
  collector: z.string(),
  generation: z.int().min(0),
  reportedAtMs: z.number(),
  targets: z.array(z.object({
    metric: z.string(),
    address: z.string(),
    pod: z.string(),
    endpoint: z.string().exactOptional(),
    health: z.enum(["up", "down", "unknown"]),
    lastScrapeMs: z.number(),
    durationMs: z.number(),
    samples: z.number(),
    bodyBytes: z.number().exactOptional(),
    epoch: z.string().exactOptional(),
    sequence: z.number().exactOptional(),
    error: z.string(),
  })),
});

/** All collectors' statuses lie below this: `.bcs-metric/status/<clusterId>/<namespace>/<collector>.json`. */
export const statusPrefix: string = `${systemPrefix}status/`;

export function statusPath(clusterId: string, namespace: string, collector: string): string {
  return `${statusPrefix}${clusterId}/${namespace}/${collector}.json`;
}

/** The parts of a status' path, or null when it is no such path. */
export function keyOfStatusPath(
  path: string,
): { readonly clusterId: string; readonly namespace: string; readonly collector: string } | null {
  if (!path.startsWith(statusPrefix) || !path.endsWith(".json")) return null;
  const [clusterId, namespace, collector, ...rest] = path.slice(statusPrefix.length, -".json".length).split("/");
  if (clusterId === undefined || namespace === undefined || collector === undefined || rest.length > 0) return null;
  return { clusterId, namespace, collector };
}

/**
 * Puts the status of a collector into the store, in place of its last one.
 * @throws what {@link Store.put} does.
 */
export async function writeStatus(
  store: Store,
  place: { readonly clusterId: string; readonly namespace: string },
  status: CollectorStatus,
): Promise<void> {
  await store.put(statusPath(place.clusterId, place.namespace, status.collector), `${JSON.stringify(status)}\n`);
}

/** The status that the text holds, or why it holds none; unknown fields are left out. */
export function readStatus(
  text: string,
): { readonly ok: true; readonly status: CollectorStatus } | { readonly ok: false; readonly reason: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, reason: messageOf(error) };
  }
  const parsed = statusSchema.safeParse(value);
  if (parsed.success) return { ok: true, status: parsed.data };
  const [issue] = parsed.error.issues;
  return { ok: false, reason: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not valid"}` };
}
