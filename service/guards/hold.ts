import { z } from "zod";
import { nameProblem } from "../../core/config/names.ts";
import { systemPrefix } from "../../core/store/store.ts";

/** A change of a namespace that is not carried out before somebody confirms it. */
export interface HeldChange {
  readonly clusterId: string;
  readonly namespace: string;
  /** In a few words. */
  readonly reason: string;
  readonly targetsBefore: number;
  readonly targetsAfter: number;
  /** Names of the metrics that would lose all their targets, sorted. */
  readonly metricsGone: readonly string[];
  /** Of exactly what would be removed: a confirmation is for this and nothing else. */
  readonly hash: string;
}

/** A held change as the store keeps it, in `.bcs-metric/guards/<clusterId>/<namespace>.json`, for every service. */
export interface Hold extends HeldChange {
  /** The hash that somebody confirmed; "" for none. */
  readonly confirmed: string;
  readonly confirmedBy: string;
}

export const holdsFolder = `${systemPrefix}guards/`;

const safeName = z.string().refine((name) => nameProblem(name) === null, { error: "is no safe name" });

const holdSchema = z.looseObject({
  clusterId: safeName,
  namespace: safeName,
  reason: z.string(),
  targetsBefore: z.int(),
  targetsAfter: z.int(),
  metricsGone: z.array(z.string()),
  hash: z.string().min(1),
  confirmed: z.string(),
  confirmedBy: z.string(),
});

export function holdPath({ clusterId, namespace }: { readonly clusterId: string; readonly namespace: string }): string {
  return `${holdsFolder}${clusterId}/${namespace}.json`;
}

export function writeHold(hold: Hold): string {
  return `${JSON.stringify(hold, null, 2)}\n`;
}

/** The hold that an entry of the store is; null when it is none, or belongs elsewhere. */
export function readHold(path: string, text: string): Hold | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const read = holdSchema.safeParse(value);
  return read.success && holdPath(read.data) === path ? read.data : null;
}
