import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAge, formatOutput, formatTable, printable } from "./output.ts";

const columns = [
  { title: "NAME", text: (row: { name: string; count: number }) => row.name },
  { title: "COUNT", align: "right" as const, text: (row: { name: string; count: number }) => String(row.count) },
  { title: "NOTE", text: () => "" },
];

test("columns are as wide as their widest cell, and an empty cell shows a dash", () => {
  const table = formatTable(columns, [{ name: "a", count: 7 }, { name: "longer", count: 123456 }]);
  assert.equal(table, "NAME     COUNT  NOTE\na            7  -\nlonger  123456  -\n");
});

test("a table without rows still has its titles", () => {
  assert.equal(formatTable(columns, []), "NAME  COUNT  NOTE\n");
});

test("text from elsewhere cannot steer the terminal or break the table", () => {
  assert.equal(printable("bad \x1b[31mred\x07\r\nline\u2028x\u202e"), "bad [31mred line x");
  assert.equal(formatTable(columns, [{ name: "a\nb", count: 1 }]).split("\n").length, 3);
});

test("scripts get the value itself", () => {
  const value = { targets: [{ name: "a", error: "" }] };
  const table = () => assert.fail("no table was asked for");
  assert.deepEqual(JSON.parse(formatOutput("json", value, table)), value);
  assert.equal(formatOutput("yaml", value, table), 'targets:\n  - name: a\n    error: ""\n');
  assert.equal(formatOutput("table", value, () => "table\n"), "table\n");
});

test("an age is told in the largest unit that fits", () => {
  const ages = [-5, 0, 59_999, 60_000, 3_599_000, 7_200_000, 86_400_000 * 4];
  assert.deepEqual(ages.map(formatAge), ["0s", "0s", "59s", "1m", "59m", "2h", "4d"]);
});
