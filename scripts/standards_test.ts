/** docs/standards.md names a test for each rule: these have to be there. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (path: string) => readFileSync(root + path, "utf8");

test("every rule of docs/standards.md names a test that is there", () => {
  const rows = read("docs/standards.md").split("\n").filter((line) => /^\| (?!rule |-)/.test(line));
  assert.ok(rows.length > 40);
  for (const row of rows) {
    const [, path = "", name = ""] = /\| `(\S+_test\.ts)`: (.+?) *\|$/.exec(row) ?? assert.fail(`no test: ${row}`);
    const text = read(path);
    assert.ok(['"', "`"].some((quote) => text.includes(`test(${quote}${name}${quote}`)) || isWrapped(text, name), row);
  }
});

/** Whether the name stands on a line of its own, as the formatter has it where a call is long. */
function isWrapped(text: string, name: string): boolean {
  return text.includes(`test(\n  "${name}",`);
}
