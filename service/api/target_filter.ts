import { z } from "zod";
import { targetHealths, type TargetRow } from "../health/target_rows.ts";

const text = z.string().min(1).optional();

const filterSchema = z.strictObject({
  cluster: text,
  namespace: text,
  metric: text,
  collector: text,
  health: z.enum(targetHealths).optional(),
});

/** Which targets are asked for: those that have every value given. */
export type TargetFilter = z.output<typeof filterSchema>;

/** Reads a query; the problem says in words what is wrong with it. */
export function readTargetFilter(
  query: Readonly<Record<string, string>>,
): { readonly ok: true; readonly filter: TargetFilter } | { readonly ok: false; readonly problem: string } {
  const read = filterSchema.safeParse(query);
  if (read.success) return { ok: true, filter: read.data };
  const [issue] = read.error.issues;
  const known = Object.keys(filterSchema.shape).join(", ");
  if (issue?.code === "unrecognized_keys") {
    return { ok: false, problem: `unknown filter "${issue.keys[0]}"; the filters are ${known}` };
  }
  const name = String(issue?.path[0] ?? "");
  if (name === "health") return { ok: false, problem: `health must be one of ${targetHealths.join(", ")}` };
  return { ok: false, problem: `${name} must not be empty` };
}

export function matches(row: TargetRow, filter: TargetFilter): boolean {
  return (filter.cluster === undefined || row.cluster === filter.cluster)
    && (filter.namespace === undefined || row.namespace === filter.namespace)
    && (filter.metric === undefined || row.metric === filter.metric)
    && (filter.collector === undefined || row.collector === filter.collector)
    && (filter.health === undefined || row.health === filter.health);
}
