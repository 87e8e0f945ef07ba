import assert from "node:assert/strict";
import { test } from "node:test";
import { importProblems } from "./check_imports.ts";

function check(path: string, text: string, want: string[]) {
  assert.deepEqual(importProblems([{ path, text }]), want);
}

test("core may be imported by every part", () => {
  check("service/a.ts", `import { x } from "../core/x.ts";`, []);
  check("cli/up/a.ts", `import type { x } from "../../core/x.ts";`, []);
});

test("a part that imports another is named with file and line", () => {
  const problem = (to: string) => [`service/api/a.ts:2: service must not import ${to}; it may import core only`];
  check("service/api/a.ts", `\nimport { x } from "../../collector/x.ts";`, problem("collector/x.ts"));
  check("service/api/a.ts", `\nexport * from "../../exporter/x.ts";`, problem("exporter/x.ts"));
  check("service/api/a.ts", `\nimport "../../cli/x.ts";`, problem("cli/x.ts"));
  check("service/api/a.ts", `\nawait import("../../cli/x.ts");`, problem("cli/x.ts"));
  check("service/api/a.ts", `\nimport {\n  x,\n} from "../../cli/x.ts";`, [
    "service/api/a.ts:4: service must not import cli/x.ts; it may import core only",
  ]);
});

test("core imports no part", () => {
  check("core/a.ts", `import { x } from "../service/x.ts";`, [
    "core/a.ts:1: core must not import service/x.ts; it may import core only",
  ]);
});

test("only cli/main.ts starts a part, and only by a dynamic import of its main.ts", () => {
  const start = `await import("../service/main.ts");`;
  check("cli/main.ts", start, []);
  assert.equal(importProblems([{ path: "cli/other.ts", text: start }]).length, 1);
  assert.equal(importProblems([{ path: "cli/main.ts", text: `await import("../service/api.ts");` }]).length, 1);
  assert.equal(importProblems([{ path: "cli/main.ts", text: `import "../service/main.ts";` }]).length, 1);
});
