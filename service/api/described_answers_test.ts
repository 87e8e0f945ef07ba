import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { z } from "zod";
import { collectorId } from "../../core/registry/collector_id.ts";
import { serveTarget, type TestServer } from "../../core/scrape/testing/target_server.ts";
import { Secret } from "../../core/secrets/secret.ts";
import { writeApproval } from "../autoscale/approvals/approval.ts";
import { linkKeyPath } from "../autoscale/approvals/link_key.ts";
import { Links } from "../autoscale/approvals/links.ts";
import { approvalOf } from "../autoscale/testing/plans.ts";
import { recordOf } from "../testing/fake_registry.ts";
import { ServiceFolder } from "../testing/service_process.ts";
import { routeDocs } from "./describe/routes.ts";
import type { ApiDescription } from "./openapi.ts";

let folder: ServiceFolder;
let target: TestServer;
let url = "";
let api: ApiDescription;
/** Operations that were asked, as `GET /v1/targets`. */
let asked: Set<string>;

beforeEach(async () => {
  asked = new Set();
  target = await serveTarget((_request, response) => {
    response.setHeader("content-type", "text/plain");
    response.end("# TYPE a counter\na 1\nb NaN\n");
  });
  folder = await ServiceFolder.make();
  await write("c1/metric/shop/cart.yaml", metric);
  await write("c1/metric/shop/broken.yaml", "kind: [");
  await write(
    "c1/application/shop/cart.yaml",
    `spec: { labels: { app: cart }, instances: [{ name: cart-0, ip: 127.0.0.1, hostIp: 127.0.0.1, ports: [{ name: web, port: ${
      target.address.split(":")[1]
    } }] }] }`,
  );
  await write("c1/collector/shop/one.yaml", "spec: { replicas: 1 }");
  // What is written as an approval here is not carried out, nor made void, by the service.
  folder.start(["--orchestrator", "none", "--autoscale", "off"]);
  url = await folder.url();
  await folder.eventually(async () => (await fetch(`${url}/readyz`)).ok || undefined);
  api = await (await fetch(`${url}/openapi.json`)).json() as ApiDescription;
});
afterEach(async () => {
  await folder.remove();
  await target.close();
});

const metric = 'spec: { version: "1", selector: { app: cart }, port: web, uri: /metrics } # ours\n';

/** The text with what the path says. */
function documentOf(path: string, text: string): string {
  const [clusterId, kind = "", namespace, file = ""] = path.split("/");
  const head = `apiVersion: bcs-metric/v1\nkind: ${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}\n`
    + `metadata: { clusterId: ${clusterId}, namespace: ${namespace}, name: ${file.replace(".yaml", "")} }\n`;
  return text.startsWith("spec") ? head + text : text;
}

async function write(path: string, text: string): Promise<void> {
  const place = join(folder.root, "volume", path);
  await mkdir(dirname(place), { recursive: true });
  await writeFile(place, documentOf(path, text));
}

function operations(): string[] {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)
  );
}

/** The published schema, as zod reads it: what is checked is what clients are told. */
function published(schema: unknown): z.ZodType {
  const whole = JSON.stringify({ ...schema as object, $defs: api.components.schemas });
  return z.fromJSONSchema(JSON.parse(whole.replaceAll("#/components/schemas/", "#/$defs/")));
}

/** Asks, and holds the answer against what is published of the route for this status. Returns its JSON or text. */
async function ask(route: string, path: string, status: number, init: RequestInit = {}): Promise<unknown> {
  const [method = "", template = ""] = route.split(" ");
  const operation = api.paths[template]?.[method.toLowerCase()];
  assert.ok(operation, `${route} is described`);
  asked.add(route);
  const abort = new AbortController();
  const answer = await fetch(url + path, { method, signal: abort.signal, ...init });
  const type = (answer.headers.get("content-type") ?? "").split(";")[0] ?? "";
  const body = type === "text/event-stream" ? "" : await answer.text();
  abort.abort();
  assert.equal(answer.status, status, `${route}: ${body}`);
  const described = operation.responses[status];
  assert.ok(described, `${route} says nothing of ${status}`);
  if (type === "") {
    assert.equal(described.content, undefined, `${route} answers ${status} with nothing`);
    return undefined;
  }
  const content = described.content?.[type];
  assert.ok(content, `${route} says nothing of ${type} with ${status}`);
  if (!type.endsWith("json")) return body;
  const value: unknown = JSON.parse(body);
  const read = published(content.schema).safeParse(value);
  assert.ok(read.success, `${route}, ${status}: ${read.success ? "" : z.prettifyError(read.error)}\n${body}`);
  return value;
}

function send(value: unknown, type = "application/json"): RequestInit {
  return { body: typeof value === "string" ? value : JSON.stringify(value), headers: { "content-type": type } };
}

const folderPath = "/v1/clusters/{cluster}/namespaces/{namespace}";
const shop = "/v1/clusters/c1/namespaces/shop";

test("every route of the service is described, and nothing else is", () => {
  const described = operations();
  for (const route of described) {
    const [method = "", path = ""] = route.split(" ");
    const operation = api.paths[path]?.[method.toLowerCase()];
    assert.notEqual(operation?.summary ?? "", "", `${route} is described`);
    assert.notDeepEqual(Object.keys(operation?.responses ?? {}), [], `${route} has answers`);
  }
  const gone = Object.keys(routeDocs).filter((route) => !described.includes(route));
  assert.deepEqual(gone, [], "what is described is there");
});

async function askDocuments(): Promise<void> {
  const one = `${folderPath}/metrics/{name}`;
  for (const plural of ["metrics", "tasks", "applications", "collectors", "collections"]) {
    await ask(`GET ${folderPath}/${plural}`, `${shop}/${plural}`, 200);
    await ask(`GET ${folderPath}/${plural}`, `${shop}/${plural}?limit=0`, 400);
    await ask(`GET ${folderPath}/${plural}`, `${shop}/${plural}?watch=true`, 200);
    await ask(`GET ${folderPath}/${plural}/{name}`, `${shop}/${plural}/none`, 404);
  }
  const collections = await ask(`GET ${folderPath}/collections`, `${shop}/collections`, 200) as { items: unknown[] };
  assert.equal(collections.items.length, 1);
  await ask(`GET ${folderPath}/collections/{name}`, `${shop}/collections/one-0`, 200);
  await ask(`PUT ${folderPath}/collections/{name}`, `${shop}/collections/one-0`, 405, send({}));
  await ask(`DELETE ${folderPath}/collections/{name}`, `${shop}/collections/one-0`, 405);
  await ask(`GET ${one}`, `${shop}/metrics/cart`, 200);
  await ask(`GET ${one}`, `${shop}/metrics/broken`, 404);
  await ask(`GET ${one}`, `${shop}/metrics/cart`, 200, { headers: { accept: "application/yaml" } });
  await ask(`PUT ${one}`, `${shop}/metrics/new`, 201, send(metric, "application/yaml"));
  await ask(`PUT ${one}`, `${shop}/metrics/new`, 200, send(metric, "application/yaml"));
  await ask(`PUT ${one}`, `${shop}/metrics/new`, 409, send(metric.replace("web", "9"), "application/yaml"));
  await ask(`PUT ${one}`, `${shop}/metrics/new`, 412, {
    ...send(metric),
    headers: { "content-type": "application/yaml", "if-match": '"x"' },
  });
  await ask(`PUT ${one}`, `${shop}/metrics/new`, 400, send("{"));
  await ask(`PUT ${one}`, `${shop}/metrics/${"n".repeat(253)}`, 400, send(metric, "application/yaml"));
  await ask(`PUT ${one}`, `${shop}/metrics/new`, 413, send(" ".repeat(1024 * 1024 + 1)));
  await ask(`PUT ${one}`, `${shop}/metrics/new`, 415, send("x", "text/plain"));
  await ask(`DELETE ${one}`, `${shop}/metrics/new`, 412, { headers: { "if-match": '"x"' } });
  await ask(`DELETE ${one}`, `${shop}/metrics/new`, 204);
  await ask(`DELETE ${one}`, `${shop}/metrics/new`, 404);
  const specs = {
    tasks: { selector: {}, pods: [] },
    applications: { labels: {}, instances: [] },
    collectors: { replicas: 1 },
  };
  for (const [plural, spec] of Object.entries(specs)) {
    await ask(`PUT ${folderPath}/${plural}/{name}`, `${shop}/${plural}/other`, 201, send({ spec }));
    await ask(`GET ${folderPath}/${plural}/{name}`, `${shop}/${plural}/other`, 200);
    await ask(`DELETE ${folderPath}/${plural}/{name}`, `${shop}/${plural}/other`, 204);
  }
  await ask(`POST ${one}/trial`, `${shop}/metrics/cart/trial`, 200);
  await ask(`POST ${one}/trial`, `${shop}/metrics/none/trial`, 404);
  const draft = documentOf("c1/metric/shop/cart.yaml", metric.replace("web", "web2"));
  await ask(`POST ${one}/trial`, `${shop}/metrics/cart/trial`, 422, send(draft, "application/yaml"));
  await ask(`POST ${one}/trial`, `${shop}/metrics/cart/trial`, 400, send("{"));
}

async function askForCollectors(): Promise<void> {
  const id = collectorId({ cluster: "c1", namespace: "shop", name: "one-0" });
  const registry = "/v1/registry/collectors/{id}";
  const path = `/v1/registry/collectors/${id}`;
  const record = recordOf("collector", id);
  const renewal = { cluster: "c1", namespace: "shop", instance: "i", load: { targets: 1 } };
  await ask(`PUT ${registry}`, path, 200, send(record));
  await ask(`PUT ${registry}`, path, 400, send({}));
  await ask(`POST ${registry}`, path, 200, send(renewal));
  await ask(`POST ${registry}`, `${path}-none`, 404, send(renewal));
  const ordinals = "/v1/registry/ordinals";
  const seat = { ordinal: 0, epoch: 1, instance: "i", leaseMs: 15_000, renewals: 0, released: false };
  const claim = { cluster: "c1", namespace: "shop", workload: "one", seat };
  await ask(`POST ${ordinals}/claim`, `${ordinals}/claim`, 200, send(claim));
  await ask(`POST ${ordinals}/claim`, `${ordinals}/claim`, 400, send({}));
  await ask(`POST ${ordinals}/renew`, `${ordinals}/renew`, 200, send({ ...claim, seat: { ...seat, renewals: 1 } }));
  await ask(`POST ${ordinals}/renew`, `${ordinals}/renew`, 400, send({}));
  await ask(`GET ${ordinals}`, `${ordinals}?cluster=c1&namespace=shop&workload=one`, 200);
  await ask(`GET ${ordinals}`, ordinals, 400);
  const status = { collector: "one-0", generation: 1, reportedAtMs: 1, targets: [] };
  const statusRoute = `PUT ${folderPath}/collectors/{collector}/status`;
  await ask(statusRoute, `${shop}/collectors/one-0/status`, 204, send(status));
  await ask(statusRoute, `${shop}/collectors/one-0/status`, 400, send("{"));
  await ask("GET /v1/stream", "/v1/stream?cluster=c1&namespace=shop&collector=one-0", 200);
  await ask("GET /v1/stream", "/v1/stream", 400);
  await folder.eventually(async () => {
    const rows = await ask("GET /v1/collectors", "/v1/collectors", 200) as { collectors: { alive: boolean }[] };
    return rows.collectors.some(({ alive }) => alive) || undefined;
  });
  await ask(`DELETE ${registry}`, path, 400);
  await ask(`DELETE ${registry}`, `${path}?cluster=c1&namespace=shop&instance=i`, 204);
}

async function askViews(): Promise<void> {
  const targets = await ask("GET /v1/targets", "/v1/targets", 200) as { targets: unknown[] };
  assert.equal(targets.targets.length, 1);
  await ask("GET /v1/targets", "/v1/targets?limit=1", 200);
  await ask("GET /v1/targets", "/v1/targets?wrong=1", 400);
  for (const list of ["targets", "collectors", "workloads", "exporters", "services", "guards"]) {
    await ask(`GET /v1/${list}`, `/v1/${list}?limit=1&labelSelector=cluster`, 200);
    await ask(`GET /v1/${list}`, `/v1/${list}?limit=0`, 400);
  }
  await ask("GET /v1/ledger", "/v1/ledger", 200);
  await ask("GET /v1/ledger", "/v1/ledger?clutser=c1", 400);
  const services = await ask("GET /v1/services", "/v1/services", 200) as { services: unknown[] };
  assert.equal(services.services.length, 1);
  await ask("GET /v1/status", "/v1/status", 200);
  await ask("GET /v1/explain", "/v1/explain?metric=cart", 200);
  await ask("GET /v1/explain", "/v1/explain?metric=broken", 200);
  await ask("GET /v1/explain", "/v1/explain", 400);
  await ask("GET /v1/events", "/v1/events", 200);
  const events = await ask("GET /v1/events", "/v1/events?since=", 200) as { events: unknown[] };
  assert.notDeepEqual(events.events, []);
  await ask("GET /v1/guards", "/v1/guards", 200);
  for (const verb of ["confirm", "discard"]) {
    const route = `POST /v1/guards/{cluster}/{namespace}/${verb}`;
    await ask(route, `/v1/guards/c1/shop/${verb}`, 404, send({ hash: "x" }));
    await ask(route, `/v1/guards/c1/shop/${verb}`, 400, send("{"));
    await ask(route, `/v1/guards/c1/shop/${verb}`, 413, send(" ".repeat(2000)));
  }
  for (const path of ["/openapi.json", "/docs", "/metrics", "/healthz", "/readyz"]) await ask(`GET ${path}`, path, 200);
}

/** Takes away an application of many instances, and decides about what is held then. */
async function askGuards(): Promise<void> {
  const instances = Array.from({ length: 12 }, (_, index) => `{ name: gate-${index}, ip: 10.0.0.${index} }`);
  await write("c1/collector/park/one.yaml", "spec: { replicas: 1 }");
  await write("c1/application/park/gate.yaml", `spec: { labels: { app: gate }, instances: [${instances.join(", ")}] }`);
  await write("c1/metric/park/gate.yaml", metric.replace("cart", "gate").replace("web", "9100"));
  const targets = async () => {
    const { length } =
      (await ask("GET /v1/targets", "/v1/targets?namespace=park", 200) as { targets: unknown[] }).targets;
    return length;
  };
  await folder.eventually(async () => await targets() === 12 || undefined);
  await rm(join(folder.root, "volume/c1/application/park/gate.yaml"));
  const guards = async () =>
    (await ask("GET /v1/guards", "/v1/guards?cluster=c1&namespace=park", 200) as {
      guards: { hash: string; targetsBefore: number; targetsAfter: number }[];
    }).guards[0];
  const held = await folder.eventually(guards);
  assert.deepEqual([held.targetsBefore, held.targetsAfter, await targets()], [12, 0, 12]);
  const route = (verb: string) =>
    [`POST /v1/guards/{cluster}/{namespace}/${verb}`, `/v1/guards/c1/park/${verb}`] as const;
  const { hash } = held;
  await ask(...route("confirm"), 409, send({ hash: `${hash}0` }));
  assert.deepEqual(await ask(...route("discard"), 202, send({ hash })), { discarded: hash });
  assert.equal((await folder.eventually(guards)).hash, hash, "it is still wanted, so it is held again");
  assert.deepEqual(await ask(...route("confirm"), 202, send({ hash })), { confirmed: hash });
  await folder.eventually(async () => await targets() === 0 || undefined);
  await folder.eventually(async () => await guards() === undefined || undefined);
}

/** Decides plans that were written to the store. */
async function askApprovals(): Promise<void> {
  const one = "/v1/approvals/{id}";
  const page = "/approvals/{id}/{action}";
  const nowMs = Date.now();
  const plans = ["plan-1", "plan-2", "plan-3"].map((id, index) =>
    approvalOf({ id, createdAtMs: nowMs, expiresAtMs: index === 2 ? nowMs - 1 : nowMs + 600_000 })
  );
  for (const plan of plans) await write(`.bcs-metric/approvals/${plan.id}.json`, writeApproval(plan));
  await folder.eventually(async () => {
    const { approvals } = await ask("GET /v1/approvals", "/v1/approvals?state=proposed", 200) as {
      approvals: unknown[];
    };
    return approvals.length === plans.length || undefined;
  });
  await ask("GET /v1/approvals", "/v1/approvals?state=odd", 400);
  await ask("GET /v1/autoscale", "/v1/autoscale", 200);
  await ask("GET /v1/autoscale", "/v1/autoscale?limit=0", 400);
  await ask(`GET ${one}`, "/v1/approvals/plan-1", 200);
  await ask(`GET ${one}`, "/v1/approvals/none", 404);
  for (const [action, id] of [["approve", "plan-1"], ["reject", "plan-2"]] as const) {
    const hash = plans[0]?.hash;
    await ask(`POST ${one}/${action}`, `/v1/approvals/none/${action}`, 404, send({ hash }));
    await ask(`POST ${one}/${action}`, `/v1/approvals/${id}/${action}`, 400, send("{"));
    await ask(`POST ${one}/${action}`, `/v1/approvals/${id}/${action}`, 413, send(" ".repeat(2000)));
    await ask(`POST ${one}/${action}`, `/v1/approvals/${id}/${action}`, 409, send({ hash: "other" }));
  }
  const { key } = JSON.parse(await readFile(join(folder.root, "volume", linkKeyPath), "utf8")) as { key: string };
  const links = new Links(() => new Secret(key), () => "");
  const [first, second, late] = plans.map((plan) => links.make("approve", plan));
  for (const method of ["GET", "POST"]) {
    await ask(`${method} ${page}`, `${first}x`, 403);
    await ask(`${method} ${page}`, late ?? "", 410);
    await ask(`${method} ${page}`, first ?? "", 200);
  }
  await ask(`GET ${page}`, first ?? "", 409);
  await ask(`POST ${page}`, second ?? "", 413, send("x".repeat(5000), "application/x-www-form-urlencoded"));
  await ask(`POST ${one}/reject`, "/v1/approvals/plan-2/reject", 202, send({ hash: plans[1]?.hash }));
  await ask(`POST ${page}`, second ?? "", 409);
}

async function askOldApi(): Promise<void> {
  const code = async (expected: number, route: string, path: string, init?: RequestInit) => {
    const answer = await ask(route, path, 200, init) as { code: number };
    assert.equal(answer.code, expected, JSON.stringify(answer));
  };
  for (const old of ["/api/v1/metric", "/bcsapi/v4/metric"]) {
    const till = { version: old, name: "till", namespace: "shop", clusterID: "c1", port: 9100, selector: { app: "x" } };
    const set = `POST ${old}/clustertype/{clusterType}/metrics`;
    await code(0, set, `${old}/clustertype/k8s/metrics`, send([till]));
    await code(1405010, set, `${old}/clustertype/k8s/metrics`, send("{"));
    await code(0, `POST ${old}/metrics`, `${old}/metrics`, send({ clusterID: ["c1"], name: "cart,till" }));
    const named = `${old}/clustertype/{clusterType}/clusters/{clusterId}/namespaces/{namespace}/metrics`;
    await code(0, `DELETE ${named}`, `${old}/clustertype/k8s/clusters/c1/namespaces/shop/metrics?name=till`);
    const collector = `GET ${old}/collector/{clusterType}/{clusterId}/{namespace}/{name}`;
    await code(0, collector, `${old}/collector/k8s/c1/shop/one`);
    const task = `${old}/tasks/clusters/{clusterId}/namespaces/{namespace}/name/{name}`;
    const path = `${old}/tasks/clusters/c1/namespaces/shop/name/extra`;
    await code(0, `PUT ${task}`, path, send({ selector: {}, pods: [{ ip: "10.0.0.9", port: 1 }] }));
    await code(0, `GET ${task}`, path);
    await code(0, `GET ${old}/tasks/clusters/{clusterId}`, `${old}/tasks/clusters/c1`);
    await code(0, `DELETE ${task}`, path);
    await code(1405125, `GET ${task}`, path);
  }
}

test("real answers of every route, refusals among them, are as they are described", async () => {
  await askDocuments();
  await askForCollectors();
  await askViews();
  await askGuards();
  await askApprovals();
  await askOldApi();
  assert.deepEqual(operations().filter((route) => !asked.has(route)), [], "every route was asked");
});

test("a route that is not there, or a method that is not, is a problem as every refusal", async () => {
  for (
    const [method, path, status] of [["GET", "/v1/none", 404], ["POST", "/v1/targets", 405], [
      "PATCH",
      `${shop}/metrics/cart`,
      405,
    ]] as const
  ) {
    const answer = await fetch(url + path, { method });
    assert.equal(answer.status, status, `${method} ${path}`);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    const read = published(api.components.schemas["Problem"]).safeParse(await answer.json());
    assert.ok(read.success, `${method} ${path}`);
    if (status === 405) assert.match(answer.headers.get("allow") ?? "", /GET/);
  }
});
