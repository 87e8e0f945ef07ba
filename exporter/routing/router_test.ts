import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../core/errors.ts";
import { encodeTarget } from "../../core/protocol/shape.ts";
import { labelList, makeStale, stalenessBits, testOpaque, testScrape } from "../sinks/batch_testing.ts";
import { matchesGlob } from "./match.ts";
import { makeRouter } from "./router.ts";
import { readRoutes } from "./routes.ts";

const origin = { cluster: "BCS-K8S-00001", namespace: "shop", name: "bcs-collector-shop-0", epoch: 1n };
const sinks = [{ name: "a" }, { name: "b" }];

function scrapeOf(dataId = 0) {
  const target = encodeTarget(dataId, labelList({ job: "cart", zone: "" }));
  const scrape = testScrape([
    [{ name: "go_threads", value: 1 }, { name: "up", value: 2, timestampMs: 5 }],
    [{ name: "http_total", labels: { code: "200" }, value: 3 }, {
      name: "http_total",
      labels: { job: "own" },
      value: 4,
    }],
  ], { target });
  return { ...scrape, origin, sequence: 7 };
}

/** Values that sink `a` gets under one route to it, null for no scrape at all. */
function routed(match: unknown, dataId = 0): number[] | null {
  const routes = readRoutes({ sinks, routes: [{ match, sinks: ["a"] }] }, "");
  const found = makeRouter(routes, "a").scrape(scrapeOf(dataId));
  return found === null ? null : [...found.values];
}

test("without routes everything goes everywhere", () => {
  const scrape = scrapeOf();
  assert.equal(makeRouter(readRoutes({ sinks }, ""), "a").scrape(scrape), scrape);
});

test("each condition selects, and all of them must hold", () => {
  const all = [1, 2, 3, 4];
  assert.deepEqual(routed({}), all);
  assert.deepEqual(routed({ cluster: "BCS-K8S-*" }), all);
  assert.deepEqual(routed({ cluster: ["x", "y"] }), null);
  assert.deepEqual(routed({ namespace: ["bank", "shop"] }), all);
  assert.deepEqual(routed({ namespace: "bank" }), null);
  assert.deepEqual(routed({ metric: "go_*" }), [1]);
  assert.deepEqual(routed({ metric: ["up", "http_total"] }), [2, 3, 4]);
  assert.deepEqual(routed({ dataId: 7 }, 7), all);
  assert.deepEqual(routed({ dataId: [8, 9] }, 7), null);
  assert.deepEqual(routed({ labels: { job: "cart" } }), [1, 2, 3]);
  assert.deepEqual(routed({ labels: { job: ["own", "else"] } }), [4]);
  assert.deepEqual(routed({ labels: { code: "2??" } }), [3]);
  assert.deepEqual(routed({ labels: { __name__: "up" } }), [2]);
  assert.deepEqual(routed({ metric: "http_total", labels: { job: "cart" } }), [3]);
  assert.deepEqual(routed({ metric: "nothing" }), null);
});

test("the first route that matches decides for a series", () => {
  const routes = readRoutes({
    sinks,
    routes: [{ match: { metric: "go_*" }, sinks: [] }, { match: { metric: "up" }, sinks: ["b"] }, {
      sinks: ["a", "b"],
    }],
  }, "");
  const valuesOf = (sink: string) => [...makeRouter(routes, sink).scrape(scrapeOf())?.values ?? []];
  assert.deepEqual([valuesOf("a"), valuesOf("b")], [[3, 4], [2, 3, 4]]);
});

test("a part of a scrape keeps shapes, times and staleness markers", () => {
  const scrape = scrapeOf();
  makeStale(scrape, 1);
  const routes = readRoutes({ sinks, routes: [{ match: { metric: ["up", "http_total"] }, sinks: ["a"] }] }, "");
  const router = makeRouter(routes, "a");
  const part = router.scrape(scrape);
  assert.deepEqual(part?.blocks.map(({ series }) => series.length), [1, 2]);
  assert.equal(part?.blocks[1], scrape.blocks[1]);
  assert.deepEqual(part?.layout.blocks, part?.blocks.map(({ id }) => id));
  assert.notEqual(part?.layout.id, scrape.layout.id);
  assert.deepEqual([...part?.sampleTimesMs ?? []], [5, NaN, NaN]);
  assert.equal(new BigUint64Array(part?.values.buffer ?? new ArrayBuffer(0))[0], stalenessBits);
  assert.deepEqual([part?.sequence, part?.origin], [7, origin]);
  assert.equal(router.scrape(scrape)?.layout, part?.layout, "worked out once");
});

test("opaque records are routed by cluster, namespace and data id", () => {
  const routes = readRoutes({
    sinks,
    routes: [{ match: { metric: "*" }, sinks: ["b"] }, { match: { dataId: 7 }, sinks: ["a"] }],
  }, "");
  const router = makeRouter(routes, "a");
  assert.deepEqual([router.opaque(testOpaque("{}", 7)), router.opaque(testOpaque("{}", 8))], [true, false]);
});

test("globs match whole texts, in bounded time", () => {
  const check = (text: string, glob: string, want: boolean) => assert.equal(matchesGlob(text, glob), want, glob);
  check("abc", "abc", true);
  check("abc", "ab", false);
  check("abc", "a*", true);
  check("abc", "*c", true);
  check("abc", "a?c", true);
  check("abc", "*b*", true);
  check("", "*", true);
  check("", "?", false);
  check("a*c", "a*c", true);
  check("aXbXc", "a*b*d", false);
  check("a".repeat(5000), `${"*a".repeat(500)}b`, false);
});

test("a wrong route is refused with its number", () => {
  const check = (routes: unknown, want: RegExp) =>
    assert.throws(() => readRoutes({ sinks, routes }, "e.yaml"), (error) => {
      return error instanceof UserError && want.test(error.message);
    });
  check([], /Cannot use routes of "e.yaml": expected a list/);
  check("a", /expected a list/);
  check([{ sinks: ["a"] }, { sinks: ["c"] }], /route 2 of "e.yaml": there is no sink "c"; there are a, b/);
  check([{ match: { metrics: "x" }, sinks: [] }], /route 1 .*metrics/);
  check([{ match: { metric: [] }, sinks: [] }], /match.metric/);
  check([{}], /sinks/);
});
