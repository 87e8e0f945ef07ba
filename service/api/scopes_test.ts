import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { ServiceFolder } from "../testing/service_process.ts";
import type { ApiDescription } from "./openapi.ts";

/** Who asks; the token of each is `token-of-<name>`. */
const roles = {
  ops: "role: admin",
  editor: "role: editor, namespaces: [c1/shop]",
  viewer: "role: viewer, namespaces: [c1/shop]",
  watcher: 'role: viewer, namespaces: ["*"]',
  collector: "role: collector, namespaces: [c1/shop]",
  bankEditor: "role: editor, namespaces: [c1/bank]",
  bankCollector: "role: collector, namespaces: [c1/bank]",
} as const;
type Who = keyof typeof roles;
const everybody = Object.keys(roles) as Who[];

/** Who is let in, by what a route is for. Places are in the namespace c1/shop. */
const allowed = {
  open: everybody,
  any: everybody,
  link: [],
  read: ["ops", "editor", "viewer", "watcher", "collector"],
  "read-all": ["ops", "watcher"],
  write: ["ops", "editor"],
  collect: ["ops", "collector"],
  admin: ["ops"],
} as const satisfies Record<string, readonly Who[]>;

interface Route {
  readonly need: keyof typeof allowed;
  /** Of c1/shop. */
  readonly path: string;
  readonly init?: RequestInit;
}

const documents = "/v1/clusters/{cluster}/namespaces/{namespace}";
const shop = "/v1/clusters/c1/namespaces/shop";
/** Holds of no document, so that nothing that is asked here changes any. */
const never = { headers: { "content-type": "application/yaml", "if-match": '"none"' } };
const place = { cluster: "c1", namespace: "shop", instance: "i" };
const claim = {
  ...place,
  workload: "one",
  seat: { ordinal: 0, epoch: 1, instance: "i", leaseMs: 15_000, renewals: 0, released: false },
};
const json = (value: unknown): RequestInit => ({
  body: JSON.stringify(value),
  headers: { "content-type": "application/json" },
});

function documentRoutes(): Record<string, Route> {
  const routes: Record<string, Route> = {};
  for (const plural of ["metrics", "tasks", "applications", "collectors", "collections"]) {
    const one = `${documents}/${plural}/{name}`;
    const path = `${shop}/${plural}/none`;
    routes[`GET ${documents}/${plural}`] = { need: "read", path: `${shop}/${plural}` };
    routes[`GET ${one}`] = { need: "read", path };
    routes[`PUT ${one}`] = { need: "write", path, init: { body: "spec: {}", ...never } };
    routes[`DELETE ${one}`] = { need: "write", path, init: never };
  }
  routes[`POST ${documents}/metrics/{name}/trial`] = { need: "write", path: `${shop}/metrics/none/trial` };
  return routes;
}

function oldRoutes(): Record<string, Route> {
  const routes: Record<string, Route> = {};
  for (const old of ["/api/v1/metric", "/bcsapi/v4/metric"]) {
    const till = { version: "1", name: "till", namespace: "shop", clusterID: "c1" };
    const task = `${old}/tasks/clusters/{clusterId}/namespaces/{namespace}/name/{name}`;
    const path = `${old}/tasks/clusters/c1/namespaces/shop/name/none`;
    routes[`POST ${old}/clustertype/{clusterType}/metrics`] = {
      need: "write",
      path: `${old}/clustertype/k8s/metrics`,
      init: json([till]),
    };
    routes[`DELETE ${old}/clustertype/{clusterType}/clusters/{clusterId}/namespaces/{namespace}/metrics`] = {
      need: "write",
      path: `${old}/clustertype/k8s/clusters/c1/namespaces/shop/metrics?name=none`,
    };
    routes[`POST ${old}/metrics`] = { need: "any", path: `${old}/metrics`, init: json({ clusterID: ["c1"] }) };
    routes[`GET ${old}/collector/{clusterType}/{clusterId}/{namespace}/{name}`] = {
      need: "read",
      path: `${old}/collector/k8s/c1/shop/one`,
    };
    routes[`GET ${old}/tasks/clusters/{clusterId}`] = { need: "any", path: `${old}/tasks/clusters/c1` };
    routes[`GET ${task}`] = { need: "read", path };
    routes[`PUT ${task}`] = { need: "write", path, init: { body: "{" } };
    routes[`DELETE ${task}`] = { need: "write", path };
  }
  return routes;
}

/** Every route of the service. */
const routes: Readonly<Record<string, Route>> = {
  ...documentRoutes(),
  ...oldRoutes(),
  "GET /v1/targets": { need: "any", path: "/v1/targets" },
  "GET /v1/collectors": { need: "any", path: "/v1/collectors" },
  "GET /v1/workloads": { need: "any", path: "/v1/workloads" },
  "GET /v1/exporters": { need: "any", path: "/v1/exporters" },
  "GET /v1/services": { need: "any", path: "/v1/services" },
  "GET /v1/guards": { need: "any", path: "/v1/guards" },
  "GET /v1/explain": { need: "any", path: "/v1/explain?metric=money" },
  "GET /v1/events": { need: "any", path: "/v1/events?since=" },
  "GET /openapi.json": { need: "any", path: "/openapi.json" },
  "GET /v1/status": { need: "read-all", path: "/v1/status" },
  "GET /v1/ledger": { need: "read-all", path: "/v1/ledger" },
  "POST /v1/guards/{cluster}/{namespace}/confirm": {
    need: "write",
    path: "/v1/guards/c1/shop/confirm",
    init: json({ hash: "x" }),
  },
  "POST /v1/guards/{cluster}/{namespace}/discard": {
    need: "write",
    path: "/v1/guards/c1/shop/discard",
    init: json({ hash: "x" }),
  },
  "GET /v1/autoscale": { need: "any", path: "/v1/autoscale" },
  "GET /v1/approvals": { need: "any", path: "/v1/approvals" },
  "GET /v1/approvals/{id}": { need: "any", path: "/v1/approvals/none" },
  "POST /v1/approvals/{id}/approve": { need: "admin", path: "/v1/approvals/none/approve", init: json({ hash: "x" }) },
  "POST /v1/approvals/{id}/reject": { need: "admin", path: "/v1/approvals/none/reject", init: json({ hash: "x" }) },
  "GET /approvals/{id}/{action}": { need: "link", path: "/approvals/none/approve?expires=1&signature=x" },
  "POST /approvals/{id}/{action}": { need: "link", path: "/approvals/none/approve?expires=1&signature=x" },
  "GET /v1/stream": { need: "collect", path: "/v1/stream?cluster=c1&namespace=shop&collector=one-0" },
  [`PUT ${documents}/collectors/{collector}/status`]: {
    need: "collect",
    path: `${shop}/collectors/one-0/status`,
    init: json({}),
  },
  "PUT /v1/registry/collectors/{id}": {
    need: "collect",
    path: "/v1/registry/collectors/c1.shop.none",
    init: json({
      ...place,
      ip: "127.0.0.1",
      port: 1,
      metric_port: 1,
      hostname: "h",
      scheme: "http",
      version: "1",
      pid: 1,
      module: "collector",
      id: "c1.shop.one-0",
      load: {},
    }),
  },
  "POST /v1/registry/collectors/{id}": {
    need: "collect",
    path: "/v1/registry/collectors/c1.shop.none",
    init: json({ ...place, load: {} }),
  },
  "DELETE /v1/registry/collectors/{id}": {
    need: "collect",
    path: `/v1/registry/collectors/c1.shop.none?${new URLSearchParams(place).toString()}`,
  },
  "GET /v1/registry/ordinals": {
    need: "collect",
    path: "/v1/registry/ordinals?cluster=c1&namespace=shop&workload=one",
  },
  "POST /v1/registry/ordinals/claim": { need: "collect", path: "/v1/registry/ordinals/claim", init: json(claim) },
  "POST /v1/registry/ordinals/renew": { need: "collect", path: "/v1/registry/ordinals/renew", init: json(claim) },
  "GET /docs": { need: "open", path: "/docs" },
  "GET /metrics": { need: "open", path: "/metrics" },
  "GET /healthz": { need: "open", path: "/healthz" },
  "GET /readyz": { need: "open", path: "/readyz" },
};

let folder: ServiceFolder;
let url = "";

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder.root, path)), { recursive: true });
  await writeFile(join(folder.root, path), text);
}

async function writeTokens(names: readonly Who[]): Promise<void> {
  const entries = names.map((name) => `  - { name: ${name}, token: "file:${name}", ${roles[name]} }\n`);
  await write("tokens.yaml", `tokens:\n${entries.join("")}`);
}

function document(kind: string, namespace: string, name: string, spec: string): Promise<void> {
  const metadata = `{ clusterId: c1, namespace: ${namespace}, name: ${name} }`;
  const text = `apiVersion: bcs-metric/v1\nkind: ${kind}\nmetadata: ${metadata}\nspec: ${spec}\n`;
  return write(`volume/c1/${kind.toLowerCase()}/${namespace}/${name}.yaml`, text);
}

before(async () => {
  folder = await ServiceFolder.make();
  await document("Metric", "bank", "money", '{ version: "1", port: 9100, uri: /canary }');
  await document("Task", "bank", "canary-task", "{ selector: { app: x }, pods: [{ ip: 10.0.0.9, port: 1 }] }");
  await document("Application", "bank", "canary", "{ labels: {}, instances: [{ name: canary-0, ip: 10.0.0.8 }] }");
  await document("Collector", "bank", "canary-collector", "{ replicas: 1 }");
  for (const name of everybody) await write(name, `token-of-${name}-0123456789`);
  await writeTokens(everybody);
  folder.start(["--orchestrator", "none", "--tokens", join(folder.root, "tokens.yaml")]);
  url = await folder.url();
  await folder.eventually(async () => (await fetch(`${url}/readyz`)).ok || undefined);
});
after(() => folder.remove());

interface Heard {
  readonly status: number;
  readonly text: string;
}

/** Asks as somebody; of a stream only its beginning is waited for. */
async function ask(who: Who, method: string, path: string, init: RequestInit = {}): Promise<Heard> {
  const abort = new AbortController();
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer token-of-${who}-0123456789`);
  const answer = await fetch(url + path, { ...init, method, headers, signal: abort.signal });
  const isStream = answer.headers.get("content-type") === "text/event-stream";
  const text = isStream ? "" : await answer.text();
  abort.abort();
  return { status: answer.status, text };
}

test("each role is let in to its own routes and to no other", async () => {
  const described = JSON.parse((await ask("ops", "GET", "/openapi.json")).text) as ApiDescription;
  const operations = Object.entries(described.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assert.deepEqual(operations.toSorted(), Object.keys(routes).toSorted(), "every route is looked at");
  for (const [route, { need, path, init }] of Object.entries(routes)) {
    const letIn: Who[] = [];
    for (const who of everybody) {
      const { status } = await ask(who, route.split(" ")[0] ?? "", path, init);
      assert.notEqual(status, 401, `${route} as ${who}`);
      if (status !== 403) letIn.push(who);
    }
    assert.deepEqual(letIn, allowed[need], route);
  }
});

test("who belongs to one namespace learns nothing of another, whatever is asked", async () => {
  const everywhere = Object.entries(routes).flatMap(([route, { path, init }]) => {
    const list = /\{namespace\}\/(metrics|tasks|applications|collectors|collections)$/.exec(route)?.[1];
    if (list === undefined) return [{ route, path, init }];
    const all = `/v1/clusters/-/namespaces/-/${list}`;
    return [{ route, path, init }, { route, path: all, init }, { route, path: `${all}?limit=1`, init }];
  });
  for (const { route, path, init } of everywhere) {
    const method = route.split(" ")[0] ?? "";
    for (const who of ["editor", "viewer", "collector"] as const) {
      for (const asked of [path, path.replaceAll("shop", "bank")]) {
        const { text } = await ask(who, method, asked, init);
        assert.doesNotMatch(text, /canary/, `${method} ${asked} as ${who}`);
      }
    }
  }
  // Those who may read it see what the others do not.
  for (const who of ["ops", "watcher", "bankEditor", "bankCollector"] as const) {
    assert.match((await ask(who, "GET", "/v1/clusters/-/namespaces/-/metrics")).text, /canary/);
    assert.match((await ask(who, "GET", "/v1/targets")).text, /canary/);
  }
});

/** Opens a stream, and resolves with how it goes on: when it ends, with what was told until then. */
async function openStream(who: Who, path: string): Promise<{ readonly end: Promise<string>; cancel(): void }> {
  const abort = new AbortController();
  const headers = { authorization: `Bearer token-of-${who}-0123456789` };
  const answer = await fetch(url + path, { headers, signal: abort.signal });
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "text/event-stream"], path);
  return { end: answer.text(), cancel: () => abort.abort() };
}

test("revoking a token in its file cuts the streams that it opened, and no others", async () => {
  const watch = `${shop}/metrics?watch=true`;
  const stream = "/v1/stream?cluster=c1&namespace=shop&collector=one-0";
  const revoked = await Promise.all([
    openStream("editor", watch),
    openStream("viewer", "/v1/events"),
    openStream("collector", stream),
  ]);
  const kept = await openStream("watcher", watch);
  let keptEnded = false;
  const end = kept.end.catch(() => "").finally(() => {
    keptEnded = true;
  });
  await writeTokens(["ops", "watcher"]);
  const [told] = await Promise.all(revoked.map((one) => one.end));
  assert.match(told ?? "", /event: synced/);
  assert.equal((await ask("editor", "GET", `${shop}/metrics`)).status, 401);
  assert.equal((await ask("ops", "GET", `${shop}/metrics`)).status, 200);
  assert.equal(keptEnded, false);
  kept.cancel();
  await end;
});
