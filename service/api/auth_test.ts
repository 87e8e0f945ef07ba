import { Hono } from "hono";
import assert from "node:assert/strict";
import { test } from "node:test";
import { allows, type Identity, mayRead, type Need, requireScope } from "./auth.ts";
import { authenticate, onRevoked } from "./authenticate.ts";
import type { Authenticator } from "./tokens.ts";

const identities = {
  admin: { name: "admin", role: "admin", namespaces: ["*"] },
  editor: { name: "editor", role: "editor", namespaces: ["c1/shop"] },
  viewer: { name: "viewer", role: "viewer", namespaces: ["c1/shop"] },
  watcher: { name: "watcher", role: "viewer", namespaces: ["*"] },
  collector: { name: "collector", role: "collector", namespaces: ["c1/shop"] },
} as const satisfies Record<string, Identity>;
type Name = keyof typeof identities;

/** Tokens are the names above, until they are revoked. */
class FakeTokens implements Authenticator {
  readonly #valid = new Map<string, Identity>(Object.entries(identities));
  readonly #listeners = new Set<() => void>();

  find(token: string): Identity | null {
    return this.#valid.get(token) ?? null;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  set(token: string, identity: Identity | null): void {
    if (identity === null) this.#valid.delete(token);
    else this.#valid.set(token, identity);
    for (const listener of this.#listeners) listener();
  }
}

function appWith(authenticator: Authenticator | null): Hono {
  const app = new Hono();
  app.use(authenticate(authenticator));
  app.get("/healthz", (context) => context.text("fine"));
  app.get("/any", requireScope({ action: "any" }), (context) => context.json(mayRead(context, "c1", "bank")));
  app.put(
    "/:cluster/:namespace",
    requireScope((context) => ({
      action: "write",
      clusterId: context.req.param("cluster") ?? "",
      namespace: context.req.param("namespace") ?? "",
    })),
    (context) => context.text("written"),
  );
  return app;
}

test("each role may do its own, in its own namespaces", () => {
  const check = (need: Need, allowed: readonly Name[]) => {
    const names = Object.values(identities).filter((identity) => allows(identity, need)).map(({ name }) => name);
    assert.deepEqual(names, allowed, JSON.stringify(need));
  };
  const shop = { clusterId: "c1", namespace: "shop" };
  const bank = { clusterId: "c1", namespace: "bank" };
  check({ action: "any" }, ["admin", "editor", "viewer", "watcher", "collector"]);
  check({ action: "read", ...shop }, ["admin", "editor", "viewer", "watcher", "collector"]);
  check({ action: "read", ...bank }, ["admin", "watcher"]);
  check({ action: "read", ...shop, clusterId: "c2" }, ["admin", "watcher"]);
  check({ action: "read-all" }, ["admin", "watcher"]);
  check({ action: "write", ...shop }, ["admin", "editor"]);
  check({ action: "write", ...bank }, ["admin"]);
  check({ action: "collect", ...shop }, ["admin", "collector"]);
  check({ action: "collect", ...bank }, ["admin"]);
  check({ action: "admin" }, ["admin"]);
});

test("with tokens nothing is answered without a valid one, except health and metrics", async () => {
  const app = appWith(new FakeTokens());
  const check = async (path: string, headers: Record<string, string>, status: number) => {
    const answer = await app.request(path, { headers });
    assert.equal(answer.status, status, `${path} ${JSON.stringify(headers)}`);
    return answer;
  };
  await check("/healthz", {}, 200);
  const wrong: Record<string, string>[] = [
    {},
    { authorization: "Bearer wrong" },
    { authorization: "Basic admin" },
    { authorization: "admin" },
  ];
  for (const headers of wrong) {
    const answer = await check("/any", headers, 401);
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
  }
  // Whether a route is there is not told either.
  await check("/nothing", {}, 401);
  await check("/any", { authorization: "Bearer viewer" }, 200);
  await check("/any", { authorization: "bearer  viewer " }, 200);
  await check("/any", { "x-bcs-user-token": "viewer" }, 200);
  assert.equal(await (await check("/any", { authorization: "Bearer watcher" }, 200)).json(), true);
  assert.equal(await (await check("/any", { authorization: "Bearer collector" }, 200)).json(), false);
});

test("a token that does not reach so far is refused by name, and is not shown", async () => {
  const app = appWith(new FakeTokens());
  const put = (path: string) => app.request(path, { method: "PUT", headers: { authorization: "Bearer editor" } });
  assert.equal((await put("/c1/shop")).status, 200);
  const answer = await put("/c1/bank");
  assert.equal(answer.status, 403);
  assert.deepEqual(await answer.json(), {
    type: "about:blank",
    title: "Forbidden",
    status: 403,
    detail: 'the token "editor" (editor) does not allow "write" in namespace c1/bank',
  });
});

test("without tokens only this machine's own pages and programs are served", async () => {
  const app = appWith(null);
  const check = async (url: string, origin: string | null, status: number) => {
    const answer = await app.request(url, { headers: origin === null ? {} : { origin } });
    assert.equal(answer.status, status, `${url} from ${origin}`);
  };
  await check("http://127.0.0.1:7070/any", null, 200);
  await check("http://[::1]:7070/any", null, 200);
  await check("http://localhost:7070/any", "http://localhost:7070", 200);
  await check("http://localhost:7070/any", "https://evil.example", 403);
  await check("http://localhost:7070/any", "null", 403);
  // A name that somebody made resolve to this machine.
  await check("http://rebound.example:7070/any", null, 403);
  await check("http://rebound.example:7070/healthz", null, 200);
});

test("a long-lived answer learns that its token was revoked or narrowed, once", async () => {
  const tokens = new FakeTokens();
  const app = appWith(tokens);
  const ended: string[] = [];
  app.get("/stream/:name", (context) => {
    onRevoked(context, () => ended.push(context.req.param("name")));
    return context.text("");
  });
  for (const name of ["viewer", "editor", "admin"]) {
    await app.request(`/stream/${name}`, { headers: { authorization: `Bearer ${name}` } });
  }
  tokens.set("other", identities.viewer);
  assert.deepEqual(ended, []);
  tokens.set("viewer", null);
  tokens.set("editor", { ...identities.editor, namespaces: ["c1/bank"] });
  tokens.set("viewer", identities.viewer);
  assert.deepEqual(ended, ["viewer", "editor"]);
});
