import assert from "node:assert/strict";
import { test } from "node:test";
import type { TargetRow } from "../health/target_rows.ts";
import { pageOfTargets, readPageQuery } from "./target_page.ts";

function row(pod: string, namespace = "shop"): TargetRow {
  return {
    cluster: "c1",
    namespace,
    metric: "cart",
    address: "10.0.0.1:80",
    pod,
    collector: "one-0",
    health: "up",
    lastScrapeMs: 0,
    durationMs: 0,
    samples: 0,
    error: "",
    generation: 1,
    appliedGeneration: 1,
  };
}

const rows = ["c", "a", "e", "b", "d"].map((pod) => row(pod));

function page(from: readonly TargetRow[], limit: string, token?: string) {
  const read = readPageQuery(limit, token);
  assert.ok(read.ok);
  const { targets, continue: next } = pageOfTargets(from, read.page);
  return { pods: targets.map(({ pod }) => pod).join(""), next };
}

test("pages follow each other without repeating or leaving out, and the last says so", () => {
  const first = page(rows, "2");
  const second = page(rows, "2", first.next);
  const third = page(rows, "2", second.next);
  assert.deepEqual([first.pods, second.pods, third.pods, third.next], ["ab", "cd", "e", undefined]);
});

test("what comes and goes between two pages hides nothing else", () => {
  const { next } = page(rows, "2");
  assert.equal(page([...rows.filter(({ pod }) => pod !== "b"), row("aa"), row("bb")], "9", next).pods, "bbcde");
});

test("namespaces are sorted before what is in them", () => {
  assert.equal(page([row("a", "shop-2"), row("b", "shop"), row("c", "shop.1")], "9").pods, "bac");
});

test("without a limit there is one page, in the order that it had", () => {
  const read = readPageQuery(undefined, undefined);
  assert.ok(read.ok);
  assert.deepEqual(pageOfTargets(rows, read.page), { targets: rows });
});

test("a limit or a continuation that cannot be is told", () => {
  for (const limit of ["0", "x", "-1", "1.5", "10001", ""]) {
    assert.equal(readPageQuery(limit, undefined).ok, false, limit);
  }
  assert.deepEqual(readPageQuery("1", "nonsense"), {
    ok: false,
    problem: "continue must be what the page before gave",
  });
});
