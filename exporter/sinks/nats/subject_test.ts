import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeToken, messageId, subjectOf, templateProblem, wildcardOf } from "./subject.ts";

test("labels stand in the subject, whatever they hold", () => {
  const labels = new Map([["cluster", "BCS-K8S-1"], ["namespace", "a.b *>c"], ["metric", "温"], ["empty", ""]]);
  function check(template: string, want: string) {
    assert.equal(subjectOf(template, labels), want);
  }
  check("metrics.{cluster}.{namespace}.{metric}", "metrics.BCS-K8S-1.a%2Eb%20%2A%3Ec.%E6%B8%A9");
  check("m.{absent}.{empty}", "m._._");
  check("m.x-{cluster}-y", "m.x-BCS-K8S-1-y");
});

test("different values never give the same token", () => {
  const values = ["a.b", "a%2Eb", "a b", "a_b", "%", "%25", "é", "e", "\u{1F321}"];
  assert.equal(new Set(values.map(escapeToken)).size, values.length);
  for (const value of values) assert.equal(decodeURIComponent(escapeToken(value)), value);
});

test("a stream for all of a template's subjects has wildcards", () => {
  assert.equal(wildcardOf("metrics.{cluster}.x-{namespace}.y"), "metrics.*.*.y");
});

test("templates that are no subjects are told", () => {
  for (const good of ["m", "a.b", "a.{b}-c", "{a}.{b}"]) assert.equal(templateProblem(good), null);
  for (const bad of ["", ".a", "a..b", "a b", "a.*", "a.>", "a.{b", "a.{b c}"]) {
    assert.notEqual(templateProblem(bad), null);
  }
});

test("a message's id depends on its subject and its content", () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  assert.equal(messageId("s", bytes("x")), messageId("s", bytes("x")));
  assert.equal(messageId("s", bytes("x")).length, 22);
  assert.notEqual(messageId("s", bytes("x")), messageId("t", bytes("x")));
  assert.notEqual(messageId("s", bytes("x")), messageId("s", bytes("y")));
});
