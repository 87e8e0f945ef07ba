import type { Context } from "hono";
import { labelsMatcher } from "./label_selector.ts";
import { problem } from "./problem.ts";
import { pageOf, readPageQuery } from "./view_page.ts";

/** A list of what is there now, such as the targets or the collectors. */
export interface View<Row> {
  /** The answer's member that holds the rows, such as `targets`. */
  readonly member: string;
  /** The fields that name a row, the most significant first; pages are in their order. */
  readonly key: readonly (keyof Row & string)[];
  /** The field that each filter compares, by the filter's name. */
  readonly filters: Readonly<Record<string, keyof Row & string>>;
  /** The values that a filter can have, where they are few. */
  readonly values?: Readonly<Record<string, readonly string[]>>;
  /** Labels of a row besides its own fields, which go before them. */
  labels?(row: Row): Readonly<Record<string, string>>;
}

/**
 * Answers with those of the rows that the request's query asks for: by the view's filters, by `labelSelector`, and
 * page by page with `limit` and `continue`. The labels of a row are its fields that hold one text, number or truth.
 *
 * @param rows only what the request's sender may see.
 */
export function answerView<Row extends object>(context: Context, view: View<Row>, rows: readonly Row[]): Response {
  const { limit, continue: token, labelSelector, ...filters } = context.req.query();
  const wrong = filterProblem(view, filters);
  if (wrong !== null) return problem(context, 400, "Bad filter", wrong);
  const labels = labelsMatcher(labelSelector ?? "");
  if (!labels.ok) return problem(context, 400, "Bad selector", labels.problem);
  const paging = readPageQuery(limit, token, view.key.length);
  if (!paging.ok) return problem(context, 400, "Bad page", paging.problem);
  const wanted = rows.filter((row) =>
    Object.entries(filters).every(([name, value]) => textOf(row, view.filters[name]) === value)
    && labels.matches(() => ({ ...view.labels?.(row), ...fieldsOf(row) }))
  );
  const { items, next } = pageOf(wanted, (row) => view.key.map((field) => textOf(row, field)), paging.page);
  return context.json({ [view.member]: items, ...next === null ? {} : { continue: next } });
}

/** What is wrong with the filters of a query, in words; null when they can be. */
function filterProblem<Row>(view: View<Row>, filters: Readonly<Record<string, string>>): string | null {
  for (const [name, value] of Object.entries(filters)) {
    if (!Object.hasOwn(view.filters, name)) {
      const known = [...Object.keys(view.filters), "labelSelector", "limit", "continue"].join(", ");
      return `unknown parameter "${name}"; there are ${known}`;
    }
    const values = view.values?.[name];
    if (values !== undefined && !values.includes(value)) {
      return `${name} "${value}" must be one of ${values.join(", ")}`;
    }
    if (value === "") return `${name} must not be empty`;
  }
  return null;
}

function fieldsOf(row: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(row).filter(([, value]) => isScalar(value)).map(([name, value]) => [name, String(value)]),
  );
}

function textOf<Row>(row: Row, field: (keyof Row & string) | undefined): string {
  const value: unknown = field === undefined ? undefined : row[field];
  return isScalar(value) ? String(value) : "";
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}
