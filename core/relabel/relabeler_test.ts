import * as fc from "fast-check";
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { hashMod } from "./hashmod.ts";
import { Relabeler } from "./relabeler.ts";
import { RelabelBoundError, relabelDefaults, type RelabelRule } from "./rule.ts";

function rule(fields: Partial<RelabelRule>): RelabelRule {
  return { sourceLabels: [], ...relabelDefaults, ...fields };
}

/** Undefined when the set is dropped. */
function relabel(labels: Record<string, string>, ...rules: Partial<RelabelRule>[]): Record<string, string> | undefined {
  const map = new Map(Object.entries(labels));
  return new Relabeler(rules.map(rule)).apply(map) === null ? Object.fromEntries(map) : undefined;
}

/** Prometheus' own cases of relabel_test.go are among these. */
suite("relabelling as Prometheus does it", () => {
  const abc = { a: "foo", b: "bar", c: "baz" };
  const cases: [string, Record<string, string>, Partial<RelabelRule>[], Record<string, string> | undefined][] = [
    [
      "replace takes groups",
      abc,
      [{ sourceLabels: ["a"], regex: "f(.*)", targetLabel: "d", replacement: "ch${1}-ch${1}" }],
      {
        ...abc,
        d: "choo-choo",
      },
    ],
    [
      "a later rule sees what an earlier one made",
      abc,
      [
        { sourceLabels: ["a", "b"], regex: "f(.*);(.*)r", targetLabel: "a", replacement: "b${1}${2}m" },
        { sourceLabels: ["c", "a"], regex: "(b).*b(.*)ba(.*)", targetLabel: "d", replacement: "$1$2$2$3" },
      ],
      { a: "boobam", b: "bar", c: "baz", d: "boooom" },
    ],
    ["a dropped set is no more", { a: "foo" }, [{ sourceLabels: ["a"], regex: ".*o.*", action: "drop" }], undefined],
    ["keep anchors at both ends", { a: "foo" }, [{ sourceLabels: ["a"], regex: "no-match|f|fo", action: "drop" }], {
      a: "foo",
    }],
    ["keep drops what does not match", { a: "foo" }, [{ sourceLabels: ["a"], regex: "f", action: "keep" }], undefined],
    ["keep keeps what matches", { a: "foo" }, [{ sourceLabels: ["a"], regex: "foo|bar", action: "keep" }], {
      a: "foo",
    }],
    ["no match, no replacement", { a: "boo" }, [{ sourceLabels: ["a"], regex: "f", targetLabel: "b" }], { a: "boo" }],
    ["an empty result removes the label", { a: "foo" }, [{ sourceLabels: ["b"], targetLabel: "a" }], {}],
    ["a label may be set without a source", { a: "x" }, [{ targetLabel: "b", replacement: "y" }], { a: "x", b: "y" }],
    [
      "the target label is a template too",
      { a: "some-name-value" },
      [{ sourceLabels: ["a"], regex: "some-([^-]+)-([^,]+)", targetLabel: "${1}", replacement: "${2}" }],
      { a: "some-name-value", name: "value" },
    ],
    [
      "a name that comes out empty is not set",
      { a: "some" },
      [{ sourceLabels: ["a"], targetLabel: "${3}", replacement: "x" }],
      {
        a: "some",
      },
    ],
    ["a dot matches a newline", { a: "x\ny" }, [{ sourceLabels: ["a"], regex: "x.y", action: "keep" }], { a: "x\ny" }],
    ["hashmod", { c: "baz" }, [{ sourceLabels: ["c"], targetLabel: "d", action: "hashmod", modulus: 1000 }], {
      c: "baz",
      d: "976",
    }],
    [
      "hashmod joins with newlines as with anything",
      { a: "foo\nbar" },
      [{ sourceLabels: ["a"], targetLabel: "b", action: "hashmod", modulus: 1000 }],
      { a: "foo\nbar", b: "734" },
    ],
    [
      "labelmap copies",
      { a: "foo", b1: "bar", b2: "baz" },
      [{ regex: "(b.*)", replacement: "bar_${1}", action: "labelmap" }],
      { a: "foo", b1: "bar", b2: "baz", bar_b1: "bar", bar_b2: "baz" },
    ],
    [
      "labelmap takes meta labels over",
      { __meta_my_bar: "aaa", __meta_my_baz: "bbb", __meta_other: "ccc" },
      [{ regex: "__meta_(my.*)", action: "labelmap" }],
      { __meta_my_bar: "aaa", __meta_my_baz: "bbb", __meta_other: "ccc", my_bar: "aaa", my_baz: "bbb" },
    ],
    ["labeldrop", { a: "foo", b1: "bar", b2: "baz" }, [{ regex: "(b.*)", action: "labeldrop" }], { a: "foo" }],
    ["labelkeep", { a: "foo", b1: "bar", b2: "baz" }, [{ regex: "(b.*)", action: "labelkeep" }], {
      b1: "bar",
      b2: "baz",
    }],
    [
      "lowercase and uppercase",
      { foo: "bAr123Foo" },
      [
        { sourceLabels: ["foo"], targetLabel: "low", action: "lowercase" },
        { sourceLabels: ["foo"], targetLabel: "up", action: "uppercase" },
      ],
      { foo: "bAr123Foo", low: "bar123foo", up: "BAR123FOO" },
    ],
    [
      "keepequal",
      { port: "1234", other: "1234" },
      [{ sourceLabels: ["port"], targetLabel: "other", action: "keepequal" }],
      {
        port: "1234",
        other: "1234",
      },
    ],
    [
      "keepequal drops what differs",
      { port: "1234", other: "5678" },
      [{ sourceLabels: ["port"], targetLabel: "other", action: "keepequal" }],
      undefined,
    ],
    [
      "dropequal",
      { port: "1234", other: "1234" },
      [{ sourceLabels: ["port"], targetLabel: "other", action: "dropequal" }],
      undefined,
    ],
    [
      "an unknown reference is empty, a dollar alone is one",
      { a: "x" },
      [{ sourceLabels: ["a"], targetLabel: "b", replacement: "[$9][$1x][$$][$][${1}][${1]" }],
      { a: "x", b: "[][][$][$][x][${1]" },
    ],
    [
      "a group may have a name",
      { a: "k=v" },
      [{ sourceLabels: ["a"], regex: "(?P<key>.+)=(?P<val>.+)", targetLabel: "$key", replacement: "<$val>" }],
      { a: "k=v", k: "<v>" },
    ],
  ];
  for (const [title, labels, rules, want] of cases) {
    test(title, () => assert.deepEqual(relabel(labels, ...rules), want));
  }
});

test("hashmod is the last eight bytes of the MD5, as computed elsewhere", () => {
  assert.equal(hashMod("", 1000n), 958n);
  assert.equal(hashMod("foo;bar", 1000n), 750n);
  assert.equal(hashMod("10.0.0.7:9100", 8n), 2n);
  assert.equal(hashMod("été", 18_446_744_073_709_551_557n), 13_988_715_418_944_886_994n);
  assert.equal(hashMod("a", 9_007_199_254_740_991n), 1_013_622_641_207_279n);
});

test("letters change their case one by one, as in Go", () => {
  const cased = relabel(
    { a: "ΟΔΟΣ İ straße ŉ" },
    { sourceLabels: ["a"], targetLabel: "low", action: "lowercase" },
    { sourceLabels: ["a"], targetLabel: "up", action: "uppercase" },
  );
  assert.deepEqual([cased?.["low"], cased?.["up"]], ["οδοσ i straße ŉ", "ΟΔΟΣ İ STRAßE ŉ"]);
});

test("which rule drops is told", () => {
  const relabeler = new Relabeler([rule({ targetLabel: "x", replacement: "1" }), rule({ regex: "a", action: "keep" })]);
  assert.equal(relabeler.apply(new Map()), 1);
});

test("rules that double a value or the labels with each step end in an error, not in a lack of memory", () => {
  const double = rule({ sourceLabels: ["a"], targetLabel: "a", replacement: "$1$1" });
  assert.throws(() => relabel({ a: "x" }, ...Array.from({ length: 100 }, () => double)), RelabelBoundError);
  const copy = rule({ action: "labelmap", regex: "(.*)", replacement: "x$1" });
  const many = Array.from({ length: 30 }, (_, index) => rule({ ...copy, replacement: `${index}_$1` }));
  assert.throws(() => relabel({ a: "x" }, ...many), RelabelBoundError);
});

test("an expression that makes backtracking engines hang takes no time to speak of", () => {
  const began = performance.now();
  const text = `${"a".repeat(10_000)}!`;
  assert.equal(relabel({ a: text }, { sourceLabels: ["a"], regex: "(a+)+b|(a|aa)*c", action: "keep" }), undefined);
  assert.ok(performance.now() - began < 3000);
});

test("no label is ever empty, whatever the rules", () => {
  const text = fc.constantFrom("", "a", "b", "$1", "${1}x", "(.*)", "(a)(.*)", "__name__");
  const anyRule = fc.record({
    sourceLabels: fc.array(text, { maxLength: 3 }),
    regex: fc.constantFrom("(.*)", "a", "(a)|b", ""),
    targetLabel: text,
    replacement: text,
    modulus: fc.constant(7),
    action: fc.constantFrom("replace", "labelmap", "labeldrop", "hashmod", "lowercase", "keep" as const),
  });
  fc.assert(fc.property(fc.array(anyRule, { maxLength: 6 }), (rules) => {
    const map = new Map([["a", "b"], ["__name__", "x"]]);
    new Relabeler(rules.map(rule)).apply(map);
    for (const [name, value] of map) assert.ok(name !== "" && value !== "");
  }));
});
