import { Hono } from "hono";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual_clock.ts";
import { documentsOver, type DocumentsOverMemory } from "../testing/stored_documents.ts";
import { authenticate } from "./authenticate.ts";
import { bodyBytesMax } from "./body.ts";
import { DocumentWatches } from "./document_watch.ts";
import { resourceRoutes } from "./resources.ts";
import type { Authenticator } from "./tokens.ts";

const shop = "/v1/clusters/c1/namespaces/shop/metrics";

function metricText(name: string, labels = "{}", namespace = "shop"): string {
  return `# ${name}
apiVersion: bcs-metric/v1
kind: Metric
metadata: { clusterId: c1, namespace: ${namespace}, name: ${name}, labels: ${labels} }
spec: { version: "1", port: 9100, uri: /metrics } # all
`;
}

interface Api extends DocumentsOverMemory {
  readonly watches: DocumentWatches;
  request(path: string, init?: RequestInit): Promise<Response>;
}

async function apiOver(files: Record<string, string> = {}, authenticator: Authenticator | null = null): Promise<Api> {
  const over = await documentsOver(files);
  const watches = new DocumentWatches({
    documents: over.documents,
    clock: new ManualClock(),
    epoch: "e1",
    changesMax: 150,
  });
  const app = new Hono();
  app.use(authenticate(authenticator));
  app.route("/", resourceRoutes({ documents: over.documents, watches }));
  return { ...over, watches, request: async (path, init) => await app.request(path, init) };
}

function put(body: string, headers: Record<string, string> = {}): RequestInit {
  return { method: "PUT", body, headers: { "content-type": "application/yaml", ...headers } };
}

async function problemOf(answer: Response, status: number) {
  assert.equal(answer.status, status);
  assert.equal(answer.headers.get("content-type"), "application/problem+json");
  return await answer.json() as {
    title: string;
    detail: string;
    code?: string;
    problems?: { line: number; message: string }[];
  };
}

async function namesOf(answer: Response): Promise<string[]> {
  const { items } = await answer.json() as { items: { metadata: { name: string } }[] };
  return items.map(({ metadata }) => metadata.name);
}

test("a document is created, shown with its ETag, changed under it, and removed", async () => {
  const api = await apiOver();
  const created = await api.request(`${shop}/cart`, put(metricText("cart")));
  assert.equal(created.status, 201);
  assert.equal(created.headers.get("location"), `${shop}/cart`);
  const etag = created.headers.get("etag") ?? "";
  const shown = await api.request(`${shop}/cart`);
  assert.equal(shown.headers.get("etag"), etag);
  const body = await shown.json() as { spec: { frequency: number }; status: { state: string; revision: string } };
  assert.deepEqual([body.spec.frequency, body.status.state, `"${body.status.revision}"`], [60, "ok", etag]);
  const second = metricText("cart").replace('"1"', '"2"');
  assert.equal((await api.request(`${shop}/cart`, put(second, { "if-match": etag }))).status, 200);
  await problemOf(await api.request(`${shop}/cart`, put(second, { "if-match": etag })), 412);
  await problemOf(await api.request(`${shop}/cart`, put(second, { "if-none-match": "*" })), 412);
  await problemOf(await api.request(`${shop}/cart`, put(second, { "if-match": "nonsense" })), 400);
  const same = await api.request(`${shop}/cart`, put(second));
  assert.deepEqual([same.status, same.headers.get("bcs-metric-outcome")], [200, "unchanged"]);
  await problemOf(await api.request(`${shop}/cart`, { method: "DELETE", headers: { "if-match": etag } }), 412);
  assert.equal((await api.request(`${shop}/cart`, { method: "DELETE" })).status, 204);
  await problemOf(await api.request(`${shop}/cart`, { method: "DELETE" }), 404);
  await problemOf(await api.request(`${shop}/cart`), 404);
  const { detail } = await problemOf(await api.request(`${shop}/cart?dryRun=true`, put(metricText("cart"))), 400);
  assert.equal(detail, 'unknown parameter "dryRun"; this request takes none');
  await problemOf(await api.request(`${shop}/cart`), 404);
});

test("YAML shows the file with its comments; JSON is taken as well, and what is shown can be sent back", async () => {
  const api = await apiOver({ "c1/metric/shop/cart.yaml": metricText("cart") });
  const yaml = await api.request(`${shop}/cart`, { headers: { accept: "application/yaml" } });
  assert.equal(await yaml.text(), metricText("cart"));
  const shown = await (await api.request(`${shop}/cart`)).json() as { spec: Record<string, unknown> };
  shown.spec["version"] = "2";
  shown.spec["timeout"] = 5;
  const init = { method: "PUT", body: JSON.stringify(shown), headers: { "content-type": "application/json" } };
  assert.equal((await api.request(`${shop}/cart`, init)).status, 200);
  const after = metricText("cart").replace('version: "1"', 'version: "2"').replace(
    "/metrics }",
    "/metrics, timeout: 5 }",
  );
  assert.equal((await api.store.get("c1/metric/shop/cart.yaml"))?.text, after);
});

test("a refusal has a code, and the place of each problem in what was sent", async () => {
  const api = await apiOver({ "c1/metric/shop/cart.yaml": metricText("cart") });
  const sent = metricText("cart").replace("9100", "9200");
  const version = await problemOf(await api.request(`${shop}/cart`, put(sent)), 409);
  assert.equal(version.code, "version-unchanged");
  assert.equal(version.detail, "spec changed but version is still 1; give it another version");
  assert.deepEqual(version.problems, [{
    line: 5,
    column: 18,
    field: "spec.version",
    message: "spec changed but version is still 1",
  }]);
  const invalid = await problemOf(await api.request(`${shop}/cart`, put(sent.replace("uri", "url"))), 400);
  assert.equal(invalid.code, "invalid");
  assert.deepEqual(invalid.problems?.map(({ line }) => line), [5, 5]);
  const low = await problemOf(await api.request(`${shop}/cart`, put(sent.replace('"1"', '"2", frequency: 5'))), 400);
  assert.match(low.detail, /^this is no valid Metric: spec.frequency: frequency 5 is below the minimum of 60 seconds/);
  const broken = await problemOf(await api.request(`${shop}/cart`, put("spec: [\n")), 400);
  assert.deepEqual([broken.title, broken.problems?.length], ["Bad YAML", 1]);
  const json = { "content-type": "application/json" };
  assert.equal((await problemOf(await api.request(`${shop}/cart`, put("{", json)), 400)).title, "Bad JSON");
  const twice = await problemOf(
    await api.request(`${shop}/cart`, put('{"kind": "Metric", "kind": "Task"}', json)),
    400,
  );
  assert.match(twice.detail, /duplicate key "kind"/);
  await problemOf(await api.request(`${shop}/cart`, put("a=b", { "content-type": "text/plain" })), 415);
  await problemOf(await api.request(`${shop}/cart`, put("", { "content-encoding": "gzip" })), 415);
});

test("a body that is too large is refused while it is read", async () => {
  const api = await apiOver();
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536).fill(0x20));
    },
  });
  const init = { method: "PUT", body: endless, duplex: "half", headers: { "content-type": "application/yaml" } };
  await problemOf(await api.request(`${shop}/cart`, init as RequestInit), 413);
  assert.ok(sent < 2 * bodyBytesMax, `${sent} bytes were read`);
});

test("no name leads out of the volume", async () => {
  const api = await apiOver();
  const text = metricText("cart");
  for (const path of [`${shop}/..%2F..%2Fcart`, `${shop}/.hidden`, "/v1/clusters/..%2f/namespaces/shop/metrics/cart"]) {
    const { code } = await problemOf(await api.request(path, put(text)), 400);
    assert.equal(code, "invalid");
    assert.equal((await api.request(path)).status, 404);
  }
  assert.deepEqual(await api.store.list(""), []);
});

test("collections can be read only", async () => {
  const api = await apiOver();
  const path = "/v1/clusters/c1/namespaces/shop/collections/one-0";
  for (const method of ["PUT", "DELETE"]) {
    const answer = await api.request(path, { method });
    await problemOf(answer, 405);
    assert.equal(answer.headers.get("allow"), "GET");
  }
});

test("a list is selected by labels and read page by page, of one namespace or of all", async () => {
  const api = await apiOver({
    "c1/metric/shop/a.yaml": metricText("a", "{ team: trade, tier: test }"),
    "c1/metric/shop/b.yaml": metricText("b", "{ team: trade }"),
    "c1/metric/shop/c.yaml": metricText("c"),
    "c1/metric/bank/d.yaml": metricText("d", "{ team: money }", "bank"),
  });
  const check = async (path: string, names: readonly string[]) => {
    assert.deepEqual(await namesOf(await api.request(path)), names, path);
  };
  await check(shop, ["a", "b", "c"]);
  await check("/v1/clusters/c1/namespaces/-/metrics", ["d", "a", "b", "c"]);
  await check("/v1/clusters/-/namespaces/-/metrics?labelSelector=team", ["d", "a", "b"]);
  await check("/v1/clusters/c2/namespaces/-/metrics", []);
  await check("/v1/clusters/c1/namespaces/shop/tasks", []);
  const selected = (selector: string) => `${shop}?labelSelector=${encodeURIComponent(selector)}`;
  await check(selected("team=trade,tier!=test"), ["b"]);
  await check(selected("team == trade, tier"), ["a"]);
  await check(selected("!team"), ["c"]);
  await problemOf(await api.request(selected("=x")), 400);
  const refused = async (query: string, detail: string) =>
    assert.equal((await problemOf(await api.request(`${shop}?${query}`), 400)).detail, detail);
  for (const limit of ["0", "x", "5001", "1.5"]) {
    await refused(`limit=${limit}`, "limit must be a number from 1 to 5000");
  }
  await refused("continue=x", 'continue "x" must be what the page before gave');
  await refused("watch=yes", "watch must be true or false");
  const known = "limit, continue, labelSelector, watch, after";
  await refused("labelselector=team", `unknown parameter "labelselector"; there are ${known}`);
  const first = await (await api.request(`${shop}?limit=2`)).json() as { items: unknown[]; continue: string };
  assert.equal(first.items.length, 2);
  await api.documents.delete({ clusterId: "c1", kind: "Metric", namespace: "shop", name: "b" }, { by: "test" });
  const rest = await (await api.request(`${shop}?limit=2&continue=${first.continue}`)).json() as Record<
    string,
    unknown
  >;
  assert.deepEqual(Object.keys(rest), ["items", "revision"]);
  await check(`${shop}?limit=2&continue=${first.continue}`, ["c"]);
});

test("a watch tells what there is, then each change, and forgets what is selected no longer", async () => {
  const api = await apiOver({
    "c1/metric/shop/a.yaml": metricText("a", "{ team: trade }"),
    "c1/metric/shop/b.yaml": metricText("b"),
    "c1/metric/bank/d.yaml": metricText("d", "{ team: trade }", "bank"),
  });
  const answer = await api.request(`${shop}?watch=true&labelSelector=team%3Dtrade`);
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  const events = eventsOf(answer);
  const next = async (count: number) => {
    const seen: string[] = [];
    while (seen.length < count) seen.push((await events.next()).value ?? "end");
    return seen;
  };
  assert.deepEqual(await next(3), ["reset ", "put a", "synced "]);
  const write = (name: string, labels: string, version: string) =>
    api.request(`${shop}/${name}`, put(metricText(name, labels).replace('"1"', `"${version}"`)));
  await write("c", "{ team: trade }", "1");
  await write("b", "{ team: other }", "2");
  await write("a", "{ team: other }", "2");
  assert.deepEqual(await next(2), ["put c", "delete a"]);
  await api.request(`${shop}/c`, { method: "DELETE" });
  assert.deepEqual(await next(1), ["delete c"]);
  api.watches.close();
  assert.deepEqual(await next(1), ["end"]);
});

/** Opens a watch, with `id` as Last-Event-ID, and returns the next events as `<event> <name> <id>`, until it is cut. */
async function watching(api: Api, query = "", id = "") {
  const headers: Record<string, string> = id === "" ? {} : { "last-event-id": id };
  const answer = await api.request(`${shop}?watch=true${query}`, { headers });
  const events = eventsOf(answer, true);
  return {
    next: async (count: number) => {
      const seen: string[] = [];
      while (seen.length < count) seen.push((await events.next()).value ?? "end");
      return seen;
    },
    cut: () => events.return(undefined),
  };
}

test("a watch that was cut goes on where it was, with what was missed", async () => {
  const api = await apiOver({
    "c1/metric/shop/a.yaml": metricText("a"),
    "c1/metric/shop/b.yaml": metricText("b", "{ team: trade }"),
    "c1/metric/bank/d.yaml": metricText("d", "{}", "bank"),
  });
  const write = (path: string, text: string) => api.request(path, put(text));
  const before = await watching(api);
  const [, , , synced = ""] = await before.next(4);
  const id = synced.split(" ")[2] ?? "";
  assert.match(id, /^e1-\d+$/);
  await write(`${shop}/c`, metricText("c"));
  assert.match((await before.next(1))[0] ?? "", /^put c e1-\d+$/);
  await before.cut();
  await write(`${shop}/a`, metricText("a").replace('"1"', '"2"'));
  await write(`${shop}/a`, metricText("a").replace('"1"', '"3"'));
  await write("/v1/clusters/c1/namespaces/bank/metrics/e", metricText("e", "{}", "bank"));
  await api.request(`${shop}/b`, { method: "DELETE" });
  const after = await watching(api, "", id);
  const missed = await after.next(4);
  assert.deepEqual(missed.map((event) => event.split(" ").slice(0, 2).join(" ")), [
    "put c",
    "put a",
    "delete b",
    "synced ",
  ]);
  await write(`${shop}/f`, metricText("f"));
  assert.match((await after.next(1))[0] ?? "", /^put f e1-\d+$/);
  await after.cut();
  const upToDate = await watching(api, "&after=" + (await listed(api)).revision);
  assert.match((await upToDate.next(1))[0] ?? "", /^synced {2}e1-\d+$/);
  await upToDate.cut();
});

test("a watch whose position is not known here any more begins anew", async () => {
  const api = await apiOver({ "c1/metric/shop/a.yaml": metricText("a") });
  const check = async (id: string) => {
    const watch = await watching(api, "", id);
    assert.deepEqual((await watch.next(2)).map((event) => event.trimEnd()), ["reset", "put a"], id);
    await watch.cut();
  };
  const { revision } = await listed(api);
  for (const id of ["e2-1", "e1-999", "e1", "nonsense"]) await check(id);
  for (let n = 0; n < 220; n++) {
    await api.request(`${shop}/b`, put(metricText("b").replace('"1"', `"${n}"`)));
    if (n % 2 === 1) await api.request(`${shop}/b`, { method: "DELETE" });
  }
  await check(revision);
});

test("a watch of which nothing is told is told its position now and then", async () => {
  const api = await apiOver({});
  const watch = await watching(api);
  await watch.next(2);
  const next = watch.next(1);
  const bank = "/v1/clusters/c1/namespaces/bank/metrics";
  for (let n = 0; n < 110; n++) await api.request(`${bank}/b${n}`, put(metricText(`b${n}`, "{}", "bank")));
  assert.match((await next)[0] ?? "", /^bookmark {2}e1-\d+$/);
  await watch.cut();
});

async function listed(api: Api): Promise<{ readonly revision: string }> {
  return await (await api.request(shop)).json() as { revision: string };
}

test("a token sees and changes its own namespaces only, and its watch ends when it is revoked", async () => {
  let identity: { name: string; role: "editor"; namespaces: string[] } | null = {
    name: "shop",
    role: "editor",
    namespaces: ["c1/shop"],
  };
  let revoked = () => {};
  const tokens: Authenticator = {
    find: () => identity,
    onChange(listener) {
      revoked = listener;
      return () => {};
    },
  };
  const api = await apiOver({
    "c1/metric/shop/a.yaml": metricText("a"),
    "c1/metric/bank/d.yaml": metricText("d", "{}", "bank"),
  }, tokens);
  const headers = { authorization: "Bearer shop" };
  const bank = "/v1/clusters/c1/namespaces/bank/metrics";
  assert.deepEqual(await namesOf(await api.request("/v1/clusters/-/namespaces/-/metrics", { headers })), ["a"]);
  for (const path of [bank, `${bank}/d`, `${bank}?watch=true`]) {
    await problemOf(await api.request(path, { headers }), 403);
  }
  await problemOf(await api.request(`${bank}/d`, put(metricText("d", "{}", "bank"), headers)), 403);
  await problemOf(await api.request(`${bank}/d`, { method: "DELETE", headers }), 403);
  await problemOf(await api.request(`${shop}/a`), 401);
  assert.equal((await api.request(`${shop}/a`, put(metricText("a"), headers))).status, 200);
  const events = eventsOf(await api.request(`${shop}?watch=true`, { headers }));
  assert.equal((await events.next()).value, "reset ");
  identity = null;
  revoked();
  for (;;) if ((await events.next()).done === true) break;
});

/** The events of a stream as `<event> <name>`, or with their ids as `<event> <name> <id>`. */
async function* eventsOf(answer: Response, withIds = false): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  const body: AsyncIterable<Uint8Array> | null = answer.body;
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const event = /^event: (\w+)\ndata: (.*)$/m.exec(text.slice(0, end));
      const id = /^id: (.*)$/m.exec(text.slice(0, end))?.[1] ?? "";
      text = text.slice(end + 2);
      if (event === null) continue;
      const { metadata } = JSON.parse(event[2] ?? "") as { metadata?: { name: string } };
      yield `${event[1]} ${metadata?.name ?? ""}${withIds ? ` ${id}` : ""}`;
    }
  }
  return undefined;
}
