import { Buffer } from "node:buffer";
import type { TargetRow } from "../health/target_rows.ts";

/** Most targets that a page may have. */
export const targetsLimitMax = 10_000;

export interface TargetPage {
  readonly targets: readonly TargetRow[];
  /** What asks for the next page; absent on the last, and without paging. */
  readonly continue?: string;
}

/** Which page is asked for: all targets at once without a limit. */
export interface PageQuery {
  readonly limit: number | null;
  /** Names the last target of the page before; null for the first page. */
  readonly after: string | null;
}

/** Reads `limit` and `continue`; the problem says in words what is wrong with them. */
export function readPageQuery(
  limit: string | undefined,
  token: string | undefined,
): { readonly ok: true; readonly page: PageQuery } | { readonly ok: false; readonly problem: string } {
  const after = token === undefined ? null : Buffer.from(token, "base64url").toString("utf8");
  if (after !== null && after.split(separator).length !== 5) {
    return { ok: false, problem: "continue must be what the page before gave" };
  }
  if (limit === undefined) return { ok: true, page: { limit: after === null ? null : targetsLimitMax, after } };
  const count = /^\d{1,9}$/.test(limit) ? Number(limit) : 0;
  if (count < 1 || count > targetsLimitMax) {
    return { ok: false, problem: `limit must be a number from 1 to ${targetsLimitMax}` };
  }
  return { ok: true, page: { limit: count, after } };
}

/**
 * A page of the targets. Pages are cut by what names a target, so that those which come and go in between neither
 * repeat nor hide others.
 */
export function pageOfTargets(rows: readonly TargetRow[], { limit, after }: PageQuery): TargetPage {
  if (limit === null) return { targets: rows };
  const keyed = rows.map((row) => ({ row, key: keyOf(row) })).filter(({ key }) => after === null || key > after);
  const sorted = keyed.toSorted((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
  const page = sorted.slice(0, limit);
  const targets = page.map(({ row }) => row);
  const last = page.at(-1);
  if (last === undefined || sorted.length <= limit) return { targets };
  return { targets, continue: Buffer.from(last.key).toString("base64url") };
}

/** Lower than every character of a name, so that the order is that of the parts. */
const separator = "\n";

function keyOf({ cluster, namespace, metric, address, pod }: TargetRow): string {
  return [cluster, namespace, metric, address, pod].join(separator);
}
