import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ServiceFolder } from "../testing/service_process.ts";
import type { ApiDescription } from "./openapi.ts";

const admin = "the-administrator's-token";
const open = ["/metrics", "/healthz", "/readyz"];

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

test("the API is described for programs and on a page that needs nothing from elsewhere", async () => {
  folder.start(["--orchestrator", "none"]);
  const url = await folder.url();
  const api = await (await fetch(`${url}/openapi.json`)).json() as ApiDescription;
  assert.equal(api.openapi, "3.1.0");
  const metric = "/v1/clusters/{cluster}/namespaces/{namespace}/metrics/{name}";
  assert.deepEqual(Object.keys(api.paths[metric] ?? {}).toSorted(), ["delete", "get", "put"]);
  for (const reference of JSON.stringify(api).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)) {
    assert.ok(Object.hasOwn(api.components.schemas, reference[1] ?? ""), reference[0]);
  }
  const page = await fetch(`${url}/docs`);
  assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  const text = await page.text();
  assert.match(text, /\/v1\/clusters\/\{cluster\}\/namespaces\/\{namespace\}\/metrics/);
  assert.ok(!/<script|https?:\/\//.test(text.replaceAll(/<pre>[^]*?<\/pre>/g, "")));
});
