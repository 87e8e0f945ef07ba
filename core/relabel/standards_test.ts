/** One test for each rule of the standards that concerns relabelling; the details are tested beside the code. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Relabeler } from "./relabeler.ts";
import { relabelActions, relabelDefaults, type RelabelRule } from "./rule.ts";

function relabel(labels: Record<string, string>, fields: Partial<RelabelRule>): Record<string, string> | null {
  const map = new Map(Object.entries(labels));
  const rule = { sourceLabels: [], ...relabelDefaults, ...fields };
  return new Relabeler([rule]).apply(map) === null ? Object.fromEntries(map) : null;
}

test("relabelling has every action of Prometheus, and no other", () => {
  const source = { a: "Ab", b: "Ab" };
  const what: Record<string, Record<string, string> | null> = {
    replace: relabel(source, { action: "replace", sourceLabels: ["a"], targetLabel: "c", replacement: "$1!" }),
    keep: relabel(source, { action: "keep", sourceLabels: ["a"], regex: "x" }),
    drop: relabel(source, { action: "drop", sourceLabels: ["a"], regex: "Ab" }),
    keepequal: relabel(source, { action: "keepequal", sourceLabels: ["a"], targetLabel: "b" }),
    dropequal: relabel(source, { action: "dropequal", sourceLabels: ["a"], targetLabel: "b" }),
    hashmod: relabel({}, { action: "hashmod", sourceLabels: ["a"], targetLabel: "c", modulus: 1 }),
    labelmap: relabel(source, { action: "labelmap", regex: "(a)", replacement: "x_$1" }),
    labeldrop: relabel(source, { action: "labeldrop", regex: "a" }),
    labelkeep: relabel(source, { action: "labelkeep", regex: "a" }),
    lowercase: relabel(source, { action: "lowercase", sourceLabels: ["a"], targetLabel: "b" }),
    uppercase: relabel(source, { action: "uppercase", sourceLabels: ["a"], targetLabel: "b" }),
  };
  assert.deepEqual(what, {
    replace: { ...source, c: "Ab!" },
    keep: null,
    drop: null,
    keepequal: source,
    dropequal: null,
    hashmod: { c: "0" },
    labelmap: { ...source, x_a: "Ab" },
    labeldrop: { b: "Ab" },
    labelkeep: { a: "Ab" },
    lowercase: { a: "Ab", b: "ab" },
    uppercase: { a: "Ab", b: "AB" },
  });
  assert.deepEqual([...relabelActions].toSorted(), Object.keys(what).toSorted());
});

test("source labels are joined by a semicolon unless another separator is given", () => {
  const joined = (fields: Partial<RelabelRule>) =>
    relabel({ a: "1", b: "2" }, { sourceLabels: ["a", "b"], targetLabel: "c", ...fields })?.["c"];
  assert.deepEqual([joined({}), joined({ separator: "@" })], ["1;2", "1@2"]);
});

test("expressions are RE2, anchored at both ends, and a dot matches a newline", () => {
  const keeps = (value: string, regex: string) =>
    relabel({ a: value }, { action: "keep", sourceLabels: ["a"], regex }) !== null;
  assert.deepEqual([keeps("ab", "a"), keeps("ab", "b"), keeps("ab", "a|ab")], [false, false, true]);
  assert.equal(keeps("a\nb", "a.b"), true);
  assert.deepEqual([keeps("AB", "(?i)ab"), keeps("a", "\\pL"), keeps("x1", "(?P<n>x)[[:digit:]]")], [true, true, true]);
  assert.throws(() => keeps("aa", "(a)\\1"), /\\1/);
  assert.throws(() => keeps("a", "a(?=b)"));
});

test("hashmod is the last 8 bytes of the MD5 as a big-endian number modulo the modulus", () => {
  for (const text of ["", "10.0.0.7:9100", "ä;\n"]) {
    const hash = createHash("md5").update(text).digest().readBigUInt64BE(8);
    for (const modulus of [1, 7, 1000, 4_294_967_295]) {
      const fields = { action: "hashmod", sourceLabels: ["a"], targetLabel: "b", modulus } as const;
      assert.equal(relabel({ a: text }, fields)?.["b"], String(hash % BigInt(modulus)));
    }
  }
});
