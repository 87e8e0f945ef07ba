import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRelabelRule } from "./check.ts";
import { regexCharsMax } from "./regex.ts";
import { relabelDefaults, type RelabelRule } from "./rule.ts";

/** `field: message` of each problem. */
function problemsOf(fields: Partial<RelabelRule>): string[] {
  return checkRelabelRule({ sourceLabels: [], ...relabelDefaults, ...fields })
    .map(({ field, message }) => `${field}: ${message}`);
}

test("what Prometheus refuses of a rule is refused", () => {
  const cases: [Partial<RelabelRule>, string[]][] = [
    [{ targetLabel: "a" }, []],
    [{}, ["targetLabel: must be set for action replace"]],
    [{ action: "hashmod", targetLabel: "a" }, ["modulus: must be set for action hashmod"]],
    [{ action: "labelmap", replacement: "" }, ["replacement: must not be empty for action labelmap"]],
    [{ action: "lowercase", targetLabel: "a", replacement: "x" }, [
      "replacement: is not used by action lowercase: remove it",
    ]],
    [{ action: "keepequal", targetLabel: "a", regex: "x" }, ["regex: is not used by action keepequal: remove it"]],
    [{ action: "labeldrop", regex: "x", sourceLabels: ["a"] }, [
      "sourceLabels: is not used by action labeldrop: remove it",
    ]],
    [{ action: "keep", regex: "(" }, ["regex: is no regular expression of RE2: missing closing ): `(`"]],
    [{ action: "keep", regex: "a(?=b)" }, [
      "regex: is no regular expression of RE2: invalid or unsupported Perl syntax: `(?=`",
    ]],
  ];
  for (const [fields, want] of cases) assert.deepEqual(problemsOf(fields), want);
});

test("an expression cannot break out of its anchors", () => {
  assert.match(problemsOf({ action: "keep", regex: "a)|(b" })[0] ?? "", /unexpected \)/);
});

test("an expression is limited in length and in what it becomes", () => {
  const long = "a".repeat(regexCharsMax + 1);
  assert.deepEqual(problemsOf({ action: "keep", regex: long }), [
    "regex: is a regular expression of 4097 characters, at most 4096 are allowed",
  ]);
  assert.match(problemsOf({ action: "keep", regex: "(x{1000})".repeat(12) })[0] ?? "", /too large/);
});
