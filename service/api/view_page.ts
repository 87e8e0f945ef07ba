import { Buffer } from "node:buffer";

/** Most rows that a page may have. */
export const viewLimitMax = 10_000;

export interface ViewPage<Row> {
  readonly items: readonly Row[];
  /** What asks for the next page; null on the last, and without paging. */
  readonly next: string | null;
}

/** Which page is asked for: everything at once without a limit. */
export interface PageQuery {
  readonly limit: number | null;
  /** Names the last row of the page before; null for the first page. */
  readonly after: string | null;
}

/**
 * Reads `limit` and `continue`; the problem says in words what is wrong with them.
 * @param keyParts number of parts that name a row.
 */
export function readPageQuery(
  limit: string | undefined,
  token: string | undefined,
  keyParts: number,
): { readonly ok: true; readonly page: PageQuery } | { readonly ok: false; readonly problem: string } {
  const after = token === undefined ? null : Buffer.from(token, "base64url").toString("utf8");
  if (after !== null && after.split(separator).length !== keyParts + 1) {
    return { ok: false, problem: `continue "${token}" must be what the page before gave` };
  }
  if (limit === undefined) return { ok: true, page: { limit: after === null ? null : viewLimitMax, after } };
  const count = /^\d{1,9}$/.test(limit) ? Number(limit) : 0;
  if (count < 1 || count > viewLimitMax) {
    return { ok: false, problem: `limit "${limit}" must be a number from 1 to ${viewLimitMax}` };
  }
  return { ok: true, page: { limit: count, after } };
}

/**
 * A page of the rows. Pages are cut by what names a row, so that those which come and go in between neither repeat
 * nor hide others.
 */
export function pageOf<Row>(
  rows: readonly Row[],
  partsOf: (row: Row) => readonly string[],
  { limit, after }: PageQuery,
): ViewPage<Row> {
  if (limit === null) return { items: rows, next: null };
  const keyed = rows.map((row) => ({ row, key: keyOf(partsOf(row)) })).filter(({ key }) =>
    after === null || key > after
  );
  const sorted = keyed.toSorted((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
  const page = sorted.slice(0, limit);
  const items = page.map(({ row }) => row);
  const last = page.at(-1);
  const isLast = last === undefined || sorted.length <= limit;
  return { items, next: isLast ? null : Buffer.from(last.key).toString("base64url") };
}

/** Lower than every character of a name, so that the order is that of the parts. */
const separator = "\n";

/** It ends with the separator too, so that one part alone is told from nonsense. */
function keyOf(parts: readonly string[]): string {
  return parts.map((part) => part + separator).join("");
}
