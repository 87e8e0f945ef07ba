import { Hono } from "hono";
import assert from "node:assert/strict";
import { test } from "node:test";
import { readLeaseEntry, registryPath } from "../../core/registry/lease_entry.ts";
import { readStatus, statusPath } from "../../core/registry/status.ts";
import { diffStatus } from "../../core/registry/status_delta.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import type { Identity } from "../api/auth.ts";
import { authenticate } from "../api/authenticate.ts";
import { recordOf } from "../testing/fake_registry.ts";
import { CollectorRegistry } from "./collector_registry.ts";
import { streamRoutes } from "./routes.ts";
import { collectionPath, collectionText, streamBench, StreamText } from "./testing/stream_bench.ts";

const identities: Record<string, Identity> = {
  shop: { name: "collectors of shop", role: "collector", namespaces: ["c1/shop"] },
  bank: { name: "collectors of bank", role: "collector", namespaces: ["c1/bank"] },
};
const listeners = new Set<() => void>();

async function serving(options: { readonly streamsMax?: number } = {}) {
  const bench = await streamBench(options);
  await bench.store.put(collectionPath, collectionText(3));
  const app = new Hono();
  app.use(authenticate({
    find: (token) => identities[token] ?? null,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  }));
  const collectors = new CollectorRegistry(bench.store, bench.clock);
  const services = () => [{ ...recordOf("service", "service-0"), leaseMs: 15_000, renewedAtMs: 1000 }];
  app.route("/", streamRoutes({ ...bench, log: makeLogger("test", "silent"), collectors, services }));
  const ask = async (method: string, path: string, token: string, body?: unknown) =>
    await app.request(path, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) },
    });
  return { ...bench, app, ask };
}

const stream = "/v1/stream?cluster=c1&namespace=shop&collector=one-0";
const statusOf = "/v1/clusters/c1/namespaces/shop/collectors/one-0/status";

test("a collector streams its own namespace, and no other one", async () => {
  const { ask } = await serving();
  const own = await ask("GET", stream, "shop");
  assert.deepEqual([own.status, own.headers.get("content-type")], [200, "text/event-stream"]);
  assert.ok(own.body !== null);
  const text = new StreamText(own.body);
  assert.equal((await text.event()).id, "3");
  await text.cancel();
  assert.equal((await ask("GET", stream, "bank")).status, 403);
  assert.equal((await ask("GET", stream, "nobody")).status, 401);
});

test("a stream resumes after Last-Event-ID, and ends when its token is revoked", async () => {
  const { app } = await serving();
  const answer = await app.request(stream, { headers: { authorization: "Bearer shop", "last-event-id": "3" } });
  assert.ok(answer.body !== null);
  const text = new StreamText(answer.body);
  assert.equal((await text.event()).event, "unchanged");
  const { shop } = identities;
  delete identities["shop"];
  for (const listener of listeners) listener();
  assert.equal(await text.piece(), null);
  if (shop !== undefined) identities["shop"] = shop;
  assert.equal(listeners.size, 0);
});

test("a subscription that cannot be is a problem, and so is one too many", async () => {
  const { ask } = await serving({ streamsMax: 0 });
  const check = async (query: string, detail: RegExp) => {
    const answer = await ask("GET", `/v1/stream?${query}`, "shop");
    assert.equal(answer.status, 400);
    assert.match((await answer.json() as { detail: string }).detail, detail);
  };
  await check("cluster=c1&namespace=shop", /^collector is missing$/);
  await check("cluster=c1&namespace=..&collector=a", /^namespace: the name must consist of/);
  await check("cluster=c1&namespace=shop&collector=a&x=1", /^unknown parameter "x"/);
  await check("cluster=c1&namespace=shop&collector=a&applications=a,/", /^applications: /);
  const full = await ask("GET", stream, "shop");
  assert.deepEqual([full.status, full.headers.get("retry-after")], [503, "5"]);
});

test("a status is put where the file mode puts it, whole or what changed", async () => {
  const { ask, store } = await serving();
  const first = { collector: "one-0", generation: 3, reportedAtMs: 1, targets: [] };
  const second = { ...first, generation: 4, reportedAtMs: 2 };
  const stored = async () => {
    const read = readStatus((await store.get(statusPath("c1", "shop", "one-0")))?.text ?? "");
    return read.ok ? read.status : null;
  };
  assert.equal((await ask("PUT", statusOf, "shop", diffStatus(first, second))).status, 409);
  assert.equal((await ask("PUT", statusOf, "shop", first)).status, 204);
  assert.equal((await ask("PUT", statusOf, "shop", diffStatus(first, second))).status, 204);
  assert.deepEqual(await stored(), second);
  assert.equal((await ask("PUT", statusOf, "shop", diffStatus(first, second))).status, 409);
  assert.equal((await ask("PUT", statusOf, "bank", first)).status, 403);
  assert.equal((await ask("PUT", statusOf, "shop", { ...first, collector: "two-0" })).status, 400);
  assert.equal((await ask("PUT", statusOf, "shop", "{")).status, 400);
  assert.equal((await ask("PUT", statusOf, "shop", " ".repeat(16 * 1024 * 1024 + 1))).status, 413);
  store.fail("the folder is gone");
  assert.equal((await ask("PUT", statusOf, "shop", first)).status, 503);
});

test("a collector without the store is in the registry, as long as it renews its lease", async () => {
  const { ask, store, clock } = await serving();
  const id = "c1.shop.one-0";
  const path = `/v1/registry/collectors/${id}`;
  const record = recordOf("collector", id, { cluster: "c1", namespace: "shop", instance: "i1" });
  const entry = async () => {
    const read = readLeaseEntry((await store.get(registryPath("collector", id)))?.text ?? "");
    return read.ok ? read.entry : null;
  };
  const renewal = { cluster: "c1", namespace: "shop", instance: "i1", load: { targets: 7 } };
  assert.equal((await ask("POST", path, "shop", renewal)).status, 404);
  const announced = await ask("PUT", path, "shop", record);
  assert.deepEqual(await announced.json(), { leaseMs: 15_000 });
  const before = await entry();
  clock.advance(5000);
  assert.equal((await ask("POST", path, "shop", renewal)).status, 200);
  const after = await entry();
  assert.deepEqual(after?.record.load, { targets: 7 });
  assert.equal(after?.renewedAtMs, (before?.renewedAtMs ?? 0) + 5000);
  assert.equal((await ask("POST", path, "shop", { ...renewal, instance: "i2" })).status, 409);
  const query = (instance: string) => `${path}?cluster=c1&namespace=shop&instance=${instance}`;
  assert.equal((await ask("DELETE", query("i2"), "shop")).status, 204);
  assert.notEqual(await entry(), null);
  assert.equal((await ask("DELETE", query("i1"), "shop")).status, 204);
  assert.equal(await entry(), null);
});

test("nobody announces what is not its own", async () => {
  const { ask } = await serving();
  const put = async (id: string, token: string, over: Parameters<typeof recordOf>[2]) =>
    (await ask("PUT", `/v1/registry/collectors/${encodeURIComponent(id)}`, token, recordOf("collector", id, over)))
      .status;
  const shop = { cluster: "c1", namespace: "shop" };
  assert.equal(await put("c1.shop.one-0", "bank", shop), 403);
  assert.equal(await put("c1.bank.one-0", "shop", shop), 400);
  assert.equal(await put("c1.shop.one-0", "shop", { ...shop, module: "exporter" }), 400);
  assert.equal(await put("c1.shop.../x", "shop", shop), 400);
  assert.equal(await put("c1.shop.one-0", "shop", shop), 200);
});

test("the live services are listed", async () => {
  const { ask } = await serving();
  const answer = await ask("GET", "/v1/services", "shop");
  assert.deepEqual(await answer.json(), {
    services: [{ ...recordOf("service", "service-0"), leaseMs: 15_000, renewedAtMs: 1000 }],
  });
});
