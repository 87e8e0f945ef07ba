import assert from "node:assert/strict";
import { test } from "node:test";
import { pageOf, readPageQuery } from "./view_page.ts";

type Row = readonly [namespace: string, pod: string];

function row(pod: string, namespace = "shop"): Row {
  return [namespace, pod];
}

const rows = ["c", "a", "e", "b", "d"].map((pod) => row(pod));

function page(from: readonly Row[], limit: string, token?: string | null) {
  const read = readPageQuery(limit, token ?? undefined, 2);
  assert.ok(read.ok);
  const { items, next } = pageOf(from, (parts) => parts, read.page);
  return { pods: items.map(([, pod]) => pod).join(""), next };
}

test("pages follow each other without repeating or leaving out, and the last says so", () => {
  const first = page(rows, "2");
  const second = page(rows, "2", first.next);
  const third = page(rows, "2", second.next);
  assert.deepEqual([first.pods, second.pods, third.pods, third.next], ["ab", "cd", "e", null]);
});

test("what comes and goes between two pages hides nothing else", () => {
  const { next } = page(rows, "2");
  assert.equal(page([...rows.filter(([, pod]) => pod !== "b"), row("aa"), row("bb")], "9", next).pods, "bbcde");
});

test("namespaces are sorted before what is in them", () => {
  assert.equal(page([row("a", "shop-2"), row("b", "shop"), row("c", "shop.1")], "9").pods, "bac");
});

test("without a limit there is one page, in the order that it had", () => {
  const read = readPageQuery(undefined, undefined, 2);
  assert.ok(read.ok);
  assert.deepEqual(pageOf(rows, (parts) => parts, read.page), { items: rows, next: null });
});

test("a limit or a continuation that cannot be is told", () => {
  for (const limit of ["0", "x", "-1", "1.5", "10001", ""]) {
    assert.equal(readPageQuery(limit, undefined, 2).ok, false, limit);
  }
  const limit = readPageQuery("0", undefined, 2);
  assert.equal(limit.ok ? "" : limit.problem, 'limit "0" must be a number from 1 to 10000');
  // That of another list has another number of parts.
  const other = pageOf([["a"], ["b"]], (parts) => parts, { limit: 1, after: null }).next ?? "";
  assert.ok(readPageQuery("1", other, 1).ok);
  for (const token of ["nonsense", "", other]) {
    const problem = `continue "${token}" must be what the page before gave`;
    assert.deepEqual(readPageQuery("1", token, 2), { ok: false, problem });
  }
});
