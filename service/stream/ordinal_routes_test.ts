import { Hono } from "hono";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createInStore } from "../../core/store/create_entry.ts";
import { MemoryStore } from "../../core/store/memory_store.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import type { Identity } from "../api/auth.ts";
import { authenticate } from "../api/authenticate.ts";
import { ordinalRoutes } from "./ordinal_routes.ts";

const seat = { ordinal: 0, epoch: 1, instance: "a", leaseMs: 15_000, renewals: 0, released: false };
const place = { cluster: "c1", namespace: "shop", workload: "one" };

function serving() {
  const store = new MemoryStore();
  const app = new Hono();
  const may: Identity = { name: "shop", role: "collector", namespaces: ["c1/shop"] };
  app.use(authenticate({ find: (token) => token === "shop" ? may : null, onChange: () => () => {} }));
  app.route("/", ordinalRoutes({ store, create: createInStore(store), log: makeLogger("test", "silent") }));
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await app.request(`/v1/registry/ordinals${path}`, {
      method,
      headers: { authorization: "Bearer shop" },
      ...body === undefined ? {} : { body: JSON.stringify(body) },
    });
    return { status: answer.status, body: await answer.json() };
  };
  return { store, ask };
}

test("a number is claimed once, also by who asks twice, and renewed only by its holder", async () => {
  const { ask } = serving();
  const check = async (path: string, over: object, held: boolean) =>
    assert.deepEqual(await ask("POST", path, { ...place, seat: { ...seat, ...over } }), {
      status: 200,
      body: { held },
    });
  await check("/claim", {}, true);
  await check("/claim", {}, true);
  await check("/claim", { instance: "b" }, false);
  await check("/renew", { renewals: 1 }, true);
  const listed = await ask("GET", `?${new URLSearchParams(place).toString()}`);
  assert.deepEqual(listed.body, { seats: [{ ...seat, renewals: 1 }] });
  await check("/claim", { instance: "b", epoch: 2 }, true);
  await check("/renew", { renewals: 2 }, false);
});

test("what is no claim, another's namespace, and a store that is away are told apart", async () => {
  const { ask, store } = serving();
  assert.equal((await ask("POST", "/claim", { ...place, seat: { ...seat, ordinal: 10_000 } })).status, 400);
  assert.equal((await ask("POST", "/renew", { ...place, workload: "../x", seat })).status, 400);
  assert.equal((await ask("GET", "?cluster=c1")).status, 400);
  assert.equal((await ask("POST", "/claim", { ...place, namespace: "pay", seat })).status, 403);
  store.fail("away");
  assert.equal((await ask("POST", "/claim", { ...place, seat })).status, 503);
});
