import { Hono } from "hono";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../testing/manual_clock.ts";
import { documentsOver } from "../testing/stored_documents.ts";
import { authenticate } from "./authenticate.ts";
import { DocumentWatches } from "./document_watch.ts";
import { resourceRoutes } from "./resources.ts";

const shop = "/v1/clusters/c1/namespaces/shop";
const good = 'spec: { version: "1", port: 9100, uri: /metrics }\n';

function fileOf(name: string, annotations = "{}"): string {
  const head = "apiVersion: bcs-metric/v1\nkind: Metric\n";
  return `${head}metadata: { clusterId: c1, namespace: shop, name: ${name}, annotations: ${annotations} }\n${good}`;
}

async function api(files: Record<string, string> = {}) {
  const { documents, store } = await documentsOver(files);
  const watches = new DocumentWatches({ documents, clock: new ManualClock(), epoch: "e1" });
  const app = new Hono();
  app.use(authenticate(null));
  app.route("/", resourceRoutes({ documents, watches }));
  const send = async (method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
    await app.request(`http://127.0.0.1${shop}/${path}`, {
      method,
      headers: { "content-type": "application/yaml", ...headers },
      ...body === undefined ? {} : { body },
    });
  /** Sends what is to be refused, and looks whether the answer says why. */
  const refused = async (
    request: Parameters<typeof send>,
    status: number,
    title: string,
    detail: RegExp,
    code = "",
  ) => {
    const answer = await send(...request);
    assert.equal(answer.status, status, `${request[0]} ${request[1]}`);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    const body = await answer.json() as Record<string, unknown>;
    assert.deepEqual([body["type"], body["status"], body["title"]], ["about:blank", status, title]);
    assert.equal(body["code"] ?? "", code);
    assert.match(String(body["detail"]), detail);
    return answer;
  };
  return { store, send, refused };
}

test("what Git manages, a name that is taken, and another version's content are conflicts, each by its code", async () => {
  const path = "c1/metric/shop/git.yaml";
  const text = fileOf("git", '{ "bcs-metric/managed-by": git }');
  const { store, refused } = await api({ [path]: text, "c1/metric/shop/cart.yaml": fileOf("cart") });
  const managed = /annotation bcs-metric\/managed-by says that only its file in Git may be edited$/;
  await refused(["PUT", "metrics/git", good.replace('"1"', '"2"')], 409, "Managed by Git", managed, "managed-by-git");
  await refused(["DELETE", "metrics/git"], 409, "Managed by Git", managed, "managed-by-git");
  assert.equal((await store.get(path))?.text, text);
  const taken = /a name in it differs only in case from "cart", which was there before$/;
  await refused(["PUT", "metrics/CART", good], 409, "Conflict", taken, "conflict");
  const unchanged = /^spec changed but version is still 1; give it another version$/;
  const other = good.replace("9100", "9200");
  await refused(["PUT", "metrics/cart", other], 409, "Version unchanged", unchanged, "version-unchanged");
});

test("every kind of document is written and removed under its ETag", async () => {
  const { send, refused } = await api();
  const bodies = {
    metrics: [good, good.replace('"1"', '"2"')],
    tasks: ["spec: { selector: {}, pods: [] }\n", "spec: { selector: { app: x }, pods: [] }\n"],
    applications: ["spec: { labels: {}, instances: [] }\n", "spec: { labels: { app: x }, instances: [] }\n"],
    collectors: ["spec: { replicas: 1 }\n", "spec: { replicas: 2 }\n"],
  } as const;
  for (const [plural, [first, second]] of Object.entries(bodies)) {
    const path = `${plural}/one`;
    const gone = /there is no such document$/;
    const title = "Precondition failed";
    const none = { "if-match": '"0"' };
    await refused(["PUT", path, first, none], 412, title, gone, "precondition-failed");
    await refused(["DELETE", path, undefined, none], 412, title, gone, "precondition-failed");
    const created = await send("PUT", path, first, { "if-none-match": "*" });
    const old = { "if-match": created.headers.get("etag") ?? "" };
    assert.deepEqual([created.status, old["if-match"] === ""], [201, false], plural);
    const exists = ["PUT", path, second, { "if-none-match": "*" }] as const;
    await refused([...exists], 412, title, /it exists already$/, "precondition-failed");
    const updated = await send("PUT", path, second, old);
    const now = { "if-match": updated.headers.get("etag") ?? "" };
    assert.deepEqual([updated.status, now["if-match"] === old["if-match"]], [200, false], plural);
    const stale = /it is at revision \w+, not \w+: somebody changed it meanwhile$/;
    await refused(["PUT", path, first, old], 412, title, stale, "precondition-failed");
    await refused(["DELETE", path, undefined, old], 412, title, stale, "precondition-failed");
    const bad = { "if-match": "W/unquoted" };
    await refused(["DELETE", path, undefined, bad], 400, "Bad condition", /^If-Match must be \* or one ETag in quotes/);
    assert.equal((await send("DELETE", path, undefined, now)).status, 204);
  }
});

test("without its store nothing is written, which is told as something to try again", async () => {
  const { store, send, refused } = await api({ "c1/metric/shop/cart.yaml": fileOf("cart") });
  store.fail("the folder is gone");
  const why = /^Cannot reach the store: the folder is gone$/;
  for (const request of [["PUT", "metrics/new", good], ["DELETE", "metrics/cart"]] as Parameters<typeof send>[]) {
    const answer = await refused(request, 503, "Store unavailable", why, "unavailable");
    assert.equal(answer.headers.get("retry-after"), "1");
  }
  assert.equal((await send("GET", "metrics/cart")).status, 200, "what is in force is still told");
});
