import { OpenAPIHono } from "@hono/zod-openapi";
import { Hono } from "hono";
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import type { TargetRow } from "../health/target_rows.ts";
import { type ApiDeps, makeApp } from "./app.ts";
import { serviceStatus } from "./status.ts";

function row(over: Partial<TargetRow>): TargetRow {
  return {
    cluster: "c1",
    namespace: "shop",
    metric: "cart",
    address: "10.0.0.1:80",
    pod: "a",
    collector: "one-0",
    movesTo: null,
    health: "up",
    lastScrapeMs: 0,
    durationMs: 0,
    samples: 0,
    error: "",
    generation: 1,
    lastRecord: null,
    appliedGeneration: 1,
    ...over,
  };
}

const rows = [
  row({}),
  row({ pod: "b", health: "down", error: "HTTP 500" }),
  row({ pod: "c", namespace: "bank", metric: "money", collector: "two-0", cluster: "c2" }),
  row({ pod: "d", health: "unresolved", address: "", collector: "" }),
];

function appWith(over: Partial<ApiDeps> = {}) {
  return makeApp({
    metrics: new Registry(),
    log: makeLogger("test", "silent"),
    authenticator: null,
    resources: new OpenAPIHono(),
    readiness: () => ({ ready: false, reason: "the store has not been read yet" }),
    targets: () => rows,
    collectors: () => Promise.resolve([]),
    exporters: () => [],
    streams: new Hono(),
    approvals: new Hono(),
    guards: new Hono(),
    ledger: new Hono(),
    oldApi: new Hono(),
    diagnosis: new Hono(),
    status: () =>
      Promise.resolve(serviceStatus({
        store: { synced: true, reason: "" },
        leader: { leading: true, epoch: 3, leader: "one" },
        guards: [],
        files: [
          { path: "a.yaml", state: "ok", problems: [], effectiveVersion: "1" },
          {
            path: "b.yaml",
            state: "invalid",
            problems: [{ path: "b.yaml", line: 3, column: 4, message: "no" }],
            effectiveVersion: null,
          },
        ],
        targets: rows,
        collectors: [],
        workloads: [],
      })),
    ...over,
  });
}

async function podsOf(query: string): Promise<string[]> {
  const answer = await appWith().request(`/v1/targets${query}`);
  assert.equal(answer.status, 200);
  const body = await answer.json() as { targets: TargetRow[] };
  return body.targets.map((target) => target.pod);
}

test("targets are filtered by each of their places, by health and by collector", async () => {
  assert.deepEqual(await podsOf(""), ["a", "b", "c", "d"]);
  assert.deepEqual(await podsOf("?health=down"), ["b"]);
  assert.deepEqual(await podsOf("?health=unresolved"), ["d"]);
  assert.deepEqual(await podsOf("?namespace=bank"), ["c"]);
  assert.deepEqual(await podsOf("?cluster=c2"), ["c"]);
  assert.deepEqual(await podsOf("?metric=cart&collector=one-0"), ["a", "b"]);
  assert.deepEqual(await podsOf("?metric=none"), []);
});

test("targets come in pages when a limit is given", async () => {
  const first = await (await appWith().request("/v1/targets?limit=3")).json() as {
    targets: TargetRow[];
    continue: string;
  };
  assert.deepEqual(first.targets.map(({ pod }) => pod), ["d", "a", "b"]);
  assert.deepEqual(await podsOf(`?limit=3&continue=${first.continue}`), ["c"]);
  assert.equal((await appWith().request("/v1/targets?limit=no")).status, 400);
});

test("a filter that does not exist, or a value that cannot be, is a problem", async () => {
  const check = async (query: string, detail: string) => {
    const answer = await appWith().request(`/v1/targets${query}`);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.deepEqual(await answer.json(), { type: "about:blank", title: "Bad filter", status: 400, detail });
  };
  const known = "cluster, namespace, metric, collector, health, labelSelector, limit, continue";
  await check("?state=up", `unknown parameter "state"; there are ${known}`);
  await check("?health=good", 'health "good" must be one of up, down, unknown, unresolved');
  await check("?metric=", "metric must not be empty");
});

test("the status counts documents and targets and names each problem's place", async () => {
  const answer = await appWith().request("/v1/status");
  assert.deepEqual(await answer.json(), {
    store: { synced: true, reason: "" },
    unread: [],
    leader: { leading: true, epoch: 3, leader: "one" },
    guards: [],
    documents: { ok: 1, invalid: 1, "stale-version": 0, conflict: 0 },
    problems: [{ path: "b.yaml", line: 3, column: 4, message: "no" }],
    targets: { up: 2, down: 1, unknown: 0, unresolved: 1 },
    collectors: [],
    workloads: [],
  });
});

test("what is not there, and what goes wrong, is told as a problem", async () => {
  const missing = await appWith().request("/v1/nothing");
  assert.equal(missing.status, 404);
  assert.deepEqual(await missing.json(), {
    type: "about:blank",
    title: "Not found",
    status: 404,
    detail: "there is no GET /v1/nothing",
  });
  const broken = await appWith({ collectors: () => Promise.reject(new Error("secret")) }).request("/v1/collectors");
  assert.equal(broken.status, 500);
  assert.ok(!(await broken.text()).includes("secret"));
});

test("health and readiness are served", async () => {
  assert.equal((await appWith().request("/healthz")).status, 200);
  const answer = await appWith().request("/readyz");
  assert.deepEqual([answer.status, await answer.text()], [503, "not ready: the store has not been read yet\n"]);
});
