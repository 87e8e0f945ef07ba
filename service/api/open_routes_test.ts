import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ServiceFolder } from "../testing/service_process.ts";
import type { ApiDescription } from "./openapi.ts";

const admin = "the-administrator's-token";
const open = ["/metrics", "/healthz", "/readyz", "/docs", "/approvals/{id}/{action}"];

let folder: ServiceFolder;

beforeEach(async () => {
  folder = await ServiceFolder.make();
  await mkdir(join(folder.root, "volume"));
});
afterEach(() => folder.remove());

test("with tokens every route of the service asks for one, and wants it to be valid", async () => {
  await writeFile(join(folder.root, "admin"), admin);
  await writeFile(join(folder.root, "tokens.yaml"), 'tokens: [{ name: ops, token: "file:admin", role: admin }]\n');
  folder.start(["--orchestrator", "none", "--tokens", join(folder.root, "tokens.yaml"), "--listen", "0.0.0.0:0"]);
  const url = (await folder.url()).replace("0.0.0.0", "127.0.0.1");
  const described = await fetch(`${url}/openapi.json`, { headers: { authorization: `Bearer ${admin}` } });
  assert.equal(described.status, 200);
  const { paths } = await described.json() as ApiDescription;
  const routes = Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => ({ path, method })));
  assert.ok(routes.length >= 25, `only ${routes.length} routes are described`);
  for (const { path, method } of routes) {
    const request = { method: method.toUpperCase(), headers: { authorization: "Bearer wrong" } };
    const address = url + path.replaceAll(/\{\w+\}/g, "x");
    for (const init of [{ method: request.method }, request]) {
      const answer = await fetch(address, init);
      await answer.body?.cancel();
      const expected = open.includes(path) ? 200 : 401;
      const isOpen = open.includes(path) && answer.status !== 401;
      assert.ok(isOpen || answer.status === expected, `${request.method} ${path} answers ${answer.status}`);
    }
  }
});

test("a token is in no answer, no error and no log, whatever is asked with it", async () => {
  const canary = "canary-5b1f0e62";
  const short = "canary-short";
  const names = { SHOP_TOKEN: `${canary}-of-the-shop`, OPS_TOKEN: `${canary}-of-the-admin` };
  const entries = [
    "tokens:",
    '  - { name: ops, token: "file:ops", role: admin }',
    '  - { name: shop, token: "file:shop", role: editor, namespaces: [c1/shop] }',
  ];
  await writeFile(join(folder.root, "ops"), names.OPS_TOKEN);
  await writeFile(join(folder.root, "shop"), names.SHOP_TOKEN);
  const file = join(folder.root, "tokens.yaml");
  await writeFile(file, entries.join("\n"));
  folder.start(["--orchestrator", "none", "--tokens", file, "--log-level", "debug"]);
  const url = await folder.url();
  const texts: string[] = [];
  const ask = async (path: string, token: string, init: RequestInit = {}, header = "authorization") => {
    const value = header === "authorization" ? `Bearer ${token}` : token;
    const answer = await fetch(url + path, {
      ...init,
      headers: { [header]: value, "content-type": "application/yaml" },
    });
    texts.push(JSON.stringify([...answer.headers]), await answer.text());
    return answer.status;
  };
  const metric = "/v1/clusters/c1/namespaces/shop/metrics/cart";
  const body = 'spec: { version: "1", port: 9100, uri: /metrics }';
  assert.equal(await ask(metric, names.SHOP_TOKEN, { method: "PUT", body }), 201);
  assert.equal(await ask(metric.replace("shop", "bank"), names.SHOP_TOKEN, { method: "PUT", body }), 403);
  assert.equal(await ask(metric, `${canary}-unknown`), 401);
  assert.equal(await ask("/api/v1/metric/tasks/clusters/c1", `${canary}-unknown`, {}, "x-bcs-user-token"), 401);
  assert.equal(await ask("/api/v1/metric/tasks/clusters/c1", names.OPS_TOKEN, {}, "x-bcs-user-token"), 200);
  const views = [
    "status",
    "targets",
    "collectors",
    "exporters",
    "services",
    "guards",
    "approvals",
    "autoscale",
    "events?since=",
    "explain?metric=cart",
  ];
  for (const view of views) assert.equal(await ask(`/v1/${view}`, names.OPS_TOKEN), 200, view);
  for (const path of ["/openapi.json", "/docs", "/metrics", "/readyz", "/v1/none"]) await ask(path, names.OPS_TOKEN);
  // A file that is wrong now is told of in the log, without what is in it.
  await writeFile(join(folder.root, "shop"), short);
  await folder.eventually(async () => (await folder.log()).includes("the tokens stay as they were") || undefined);
  texts.push(await folder.log());
  for (const text of texts) assert.ok(!text.includes("canary"), text);
});

test("the API is described for programs", async () => {
  folder.start(["--orchestrator", "none"]);
  const url = await folder.url();
  const api = await (await fetch(`${url}/openapi.json`)).json() as ApiDescription;
  assert.equal(api.openapi, "3.1.0");
  const metric = "/v1/clusters/{cluster}/namespaces/{namespace}/metrics/{name}";
  assert.deepEqual(Object.keys(api.paths[metric] ?? {}).toSorted(), ["delete", "get", "put"]);
  for (const reference of JSON.stringify(api).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
    assert.ok(Object.hasOwn(api.components.schemas, reference[1] ?? ""), reference[0]);
  }
});

test("the page of the API is the same for everybody, holds nothing, and loads nothing from elsewhere", async () => {
  folder.start(["--orchestrator", "none"]);
  const url = await folder.url();
  const page = await fetch(`${url}/docs`);
  assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
  const text = await page.text();
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /^default-src 'none'; .*connect-src 'self'; /);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  for (const [tag, directive] of [["script", "script-src"], ["style", "style-src"]] as const) {
    const blocks = [...text.matchAll(new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`, "g"))];
    assert.equal(blocks.length, 1, tag);
    const hash = createHash("sha256").update(blocks[0]?.[1] ?? "").digest("base64");
    assert.ok(policy.includes(`${directive} 'sha256-${hash}'`), `the policy lets the page's own ${tag} be`);
  }
  assert.doesNotMatch(text, /https?:\/\/| src=| href=|innerHTML|\/v1\//);
});
