import { dump } from "js-yaml";
import { z } from "zod";

/** How a command shows what it found: for people, or for scripts. */
export const outputFormats = ["table", "json", "yaml"] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** The option `--output` of every command that shows something. */
export const outputOption = {
  value: outputFormats.join("|"),
  help: "how to show it",
  schema: z.enum(outputFormats).default("table"),
} as const;

/** The option `--selector` of the commands that list what there is. */
export const rowSelectorOption = {
  short: "l",
  value: "SELECTOR",
  help: "only those whose fields or labels match, such as state=running,!tier",
  schema: z.string().optional(),
} as const;

export interface Column<Row> {
  readonly title: string;
  readonly align?: "left" | "right";
  text(row: Row): string;
}

/** The text of `value` for scripts, or `table()` for people. It ends with a line feed. */
export function formatOutput(format: OutputFormat, value: unknown, table: () => string): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(value, null, 2)}\n`;
    case "yaml":
      return dump(value, { lineWidth: -1, noRefs: true, quoteStyle: "double" });
    case "table":
      return table();
    default:
      return format satisfies never;
  }
}

/**
 * A table with a line of titles, two spaces between its columns, and none at the ends of lines. An empty cell shows
 * `-`, so that every line has as many words as the title, unless a cell holds several.
 */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.text(row)) || "-"));
  const widths = columns.map(({ title }, index) =>
    cells.reduce((width, line) => Math.max(width, line[index]?.length ?? 0), title.length)
  );
  const pad = (text: string, index: number) =>
    columns[index]?.align === "right" ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0);
  const lines = [columns.map((column) => column.title), ...cells].map((line) => line.map(pad).join("  ").trimEnd());
  return `${lines.join("\n")}\n`;
}

/** Text from elsewhere, without what could move a terminal's cursor, change its colours or break the line. */
export function printable(text: string): string {
  return text.replace(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
}

/** How long ago something was, in the largest unit that fits: `0s`, `59s`, `3m`, `2h`, `4d`. */
export function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
