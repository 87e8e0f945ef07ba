import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultQueries, makePrometheusUsage } from "./prometheus.ts";
import { makeReportedUsage } from "./reports.ts";
import type { AskedCollector } from "./usage.ts";

function asked(name: string, over: Partial<AskedCollector> = {}): AskedCollector {
  const id = `c1.shop.${name}`;
  return { clusterId: "c1", namespace: "shop", name, id, metricsAddress: `${name}:7073`, load: {}, ...over };
}

interface Asked {
  readonly url: string;
  readonly headers: Headers;
  readonly query: string;
}

/** What is read when the API answers so to each query. */
async function read(answer: (query: string) => Response | Promise<Response>, ...collectors: AskedCollector[]) {
  const requests: Asked[] = [];
  const source = makePrometheusUsage({
    url: "http://prom.test/base/",
    headers: { "x-scope-orgid": "me" },
    token: () => "t0",
    timeoutMs: 1000,
    queries: defaultQueries(60),
    fetch: async (url, init) => {
      const query = new URLSearchParams(typeof init.body === "string" ? init.body : "").get("query") ?? "";
      requests.push({ url, headers: new Headers(init.headers), query });
      return await answer(query);
    },
  });
  return { ...await source.read(collectors), requests };
}

function vector(...samples: readonly (readonly [Record<string, string>, string])[]): Response {
  const result = samples.map(([metric, value]) => ({ metric, value: [1, value] }));
  return Response.json({ status: "success", data: { resultType: "vector", result } });
}

test("usage is asked for by three queries, whatever the number of collectors, and joined by pod or address", async () => {
  const { usages, problem, requests } = await read(
    (query) =>
      query.includes("cpu")
        ? vector([{ pod: "c1.shop.one-0", instance: "x:1" }, "12.5"], [{ instance: "one-1:7073" }, "99"])
        : vector([{ pod: "c1.shop.one-0" }, "3"]),
    asked("one-0"),
    asked("one-1"),
  );
  assert.equal(problem, "");
  assert.deepEqual(usages, [
    { collector: "one-0", cpuPercent: 12.5, memoryMiB: 3, lagSeconds: 3 },
    { collector: "one-1", cpuPercent: 99, memoryMiB: null, lagSeconds: null },
  ]);
  assert.equal(requests.length, 3);
  assert.equal(requests[0]?.url, "http://prom.test/base/api/v1/query");
  assert.deepEqual([requests[0]?.headers.get("authorization"), requests[0]?.headers.get("x-scope-orgid")], [
    "Bearer t0",
    "me",
  ]);
  assert.match(requests[0]?.query ?? "", /process_cpu_seconds_total\{component="collector"\}\[60s\]/);
});

test("what is missing, no number, or of several series is unknown, and never nothing", async () => {
  const same = { instance: "one-0:7073" };
  const { usages } = await read(
    (query) => query.includes("cpu") ? vector([same, "1"], [same, "2"]) : vector([same, "NaN"]),
    asked("one-0"),
    asked("one-1", { id: "", metricsAddress: "" }),
  );
  for (const { cpuPercent, memoryMiB, lagSeconds } of usages) {
    assert.deepEqual([cpuPercent, memoryMiB, lagSeconds], [null, null, null]);
  }
});

test("an API that is away, refuses or answers something else is told of, and says nothing of anybody", async () => {
  const check = async (answer: () => Response | Promise<Response>, want: RegExp) => {
    const { usages, problem } = await read(answer, asked("one-0"));
    assert.equal(usages[0]?.cpuPercent, null);
    assert.match(problem, want);
  };
  await check(() => Promise.reject(new Error("refused")), /the query for cpu: refused; the query for memory: refused/);
  await check(() => Response.json({ status: "error", error: "bad query" }, { status: 400 }), /HTTP 400: bad query/);
  await check(() => new Response("<html>", { status: 200 }), /HTTP 200 is no vector of Prometheus/);
  await check(() => new Response("", { status: 503 }), /HTTP 503/);
  await check(() => new Response("x".repeat(17 * 1024 * 1024)), /more than 16777216 bytes/);
});

test("without an API the collectors' own reports count, and what they do not tell is unknown", async () => {
  const load = { cpuPercent: 12, residentBytes: 3 * 1024 * 1024, lagMs: 250 };
  const { usages } = await makeReportedUsage().read([asked("one-0", { load }), asked("one-1")]);
  assert.deepEqual(usages, [
    { collector: "one-0", cpuPercent: 12, memoryMiB: 3, lagSeconds: 0.25 },
    { collector: "one-1", cpuPercent: null, memoryMiB: null, lagSeconds: null },
  ]);
});
