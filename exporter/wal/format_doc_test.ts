import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

/** The rows of the tables in a text, with single spaces and rows that were broken in two joined. */
function rowsOf(text: string): string[] {
  const rows: string[] = [];
  for (const line of text.split("\n")) {
    const row = line.replace(/^ \* /, "").replaceAll(/\s+/g, " ").trim();
    if (!row.startsWith("|") || row.startsWith("| -")) continue;
    const rest = /^\| \| (.*)$/.exec(row)?.[1];
    if (rest === undefined) rows.push(row);
    else rows.push((rows.pop() ?? "").replace(/\|$/, "") + rest);
  }
  return rows;
}

test("docs/wal.md has the same tables as format.ts", async () => {
  const [header = ""] = (await readFile(new URL("format.ts", import.meta.url), "utf8")).split("*/");
  const code = rowsOf(header);
  const page = new Set(rowsOf(await readFile(new URL("../../docs/wal.md", import.meta.url), "utf8")));
  assert.ok(code.length >= 16, `${code.length} rows`);
  assert.deepEqual(code.filter((row) => !page.has(row)), []);
});
