import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { type Access, openAccess } from "../access/access.ts";
import { tokenAccess } from "../access/access_testing.ts";
import { exporterRoutes } from "../http.ts";
import type { OpaqueWalRecord } from "../wal/wal.ts";
import { Wire } from "./wire_testing.ts";

const path = "/api/v4/export/type/1/data/1500001";

function routes(
  take: (record: OpaqueWalRecord) => Promise<void> | null,
  access: Access = openAccess,
  bodiesBytesMax = 1e9,
) {
  const status = { metrics: new Registry(), readiness: () => ({ ready: true }), status: () => null };
  return exporterRoutes({ ...status, access, host: "127.0.0.1", clock: systemEnv.clock, take, bodiesBytesMax });
}

async function post(
  app: ReturnType<typeof routes>,
  where: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
) {
  return await app.request(`http://127.0.0.1${where}`, { method: "POST", body, headers });
}

test("a record is answered with success only once it is durable, and is the same as over TCP", async () => {
  const wire = await Wire.open();
  const app = routes((record) => wire.ingest.take(record));
  let answered = false;
  const answer = post(app, path, `{"data":"x"}`).then((response) => {
    answered = true;
    return response;
  });
  await wire.wal.appended(1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answered, false);
  wire.wal.sync();
  const response = await answer;
  assert.deepEqual([response.status, await response.text()], [200, "success"]);
  const [record] = wire.wal.records;
  assert.ok(record?.kind === "opaque");
  assert.deepEqual([record.origin, record.sequence, record.frameType, record.id], [null, 0, 1, 1500001n]);
  assert.equal(new TextDecoder().decode(record.body), `{"data":"x"}`);
});

test("the original's answers: 400 for what is no integer, 500 for an unknown plugin", async () => {
  const app = routes(() => Promise.resolve());
  const check = async (where: string, status: number) =>
    assert.equal((await post(app, where, "{}")).status, status, where);
  await check("/api/any/export/type/3/data/0", 200);
  await check("/api/any/export/type/1/data/-5", 200);
  await check("/api/any/export/type/one/data/5", 400);
  await check("/api/any/export/type/1/data/1.5", 400);
  await check("/api/any/export/type/1/data/9223372036854775808", 400);
  await check("/api/any/export/type/2/data/5", 500);
  await check("/api/any/export/type/77/data/5", 500);
});

test("bodies are capped, before and after decompression, and all together", async () => {
  const taken: OpaqueWalRecord[] = [];
  const app = routes(
    (record) => {
      taken.push(record);
      return Promise.resolve();
    },
    openAccess,
    20 * 1024 * 1024,
  );
  const max = 16 * 1024 * 1024;
  assert.equal((await post(app, path, new Uint8Array(max))).status, 200);
  assert.equal((await post(app, path, new Uint8Array(max + 1))).status, 413);
  const gzip = { "content-encoding": "gzip" };
  assert.equal((await post(app, path, gzipSync("{}"), gzip)).status, 200);
  assert.equal(new TextDecoder().decode(taken.at(-1)?.body), "{}");
  assert.equal((await post(app, path, gzipSync(new Uint8Array(max + 1)), gzip)).status, 413, "a bomb");
  assert.equal((await post(app, path, "no gzip", gzip)).status, 400);
  assert.equal((await post(app, path, gzipSync("{}").subarray(0, 12), gzip)).status, 400);
  assert.equal((await post(app, path, "{}", { "content-encoding": "gzip, gzip" })).status, 415);
  assert.equal((await post(app, path, "{}", { "content-encoding": "br" })).status, 415);
  assert.equal(taken.length, 2);
  const both = await Promise.all([new Uint8Array(max), new Uint8Array(max)].map((body) => post(app, path, body)));
  assert.ok(both.some(({ status }) => status === 503), "32 MiB at once are above 20");
});

test("while the log takes nothing the sender is told to come again", async () => {
  const wire = await Wire.open();
  const app = routes((record) => wire.ingest.take(record));
  wire.wal.accepts = false;
  const refused = await post(app, path, "{}");
  assert.deepEqual([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  wire.wal.accepts = true;
  const slow = post(app, path, "{}");
  await wire.wal.appended(1);
  wire.pass(30_000);
  assert.equal((await slow).status, 503);
  wire.wal.failed = true;
  assert.equal((await post(app, path, "{}")).status, 503);
});

test("the token must allow the record's data id and namespace, and is looked at before the body", async () => {
  let taken = 0;
  const { access } = tokenAccess({ dataIds: [1500001] });
  const app = routes(() => Promise.resolve(void taken++), access);
  const bearer = { authorization: "Bearer good" };
  const check = async (
    status: number,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string>,
    where = path,
  ) => assert.equal((await post(app, where, body, headers)).status, status);
  await check(401, new Uint8Array(17 * 1024 * 1024), {});
  await check(401, "{}", { authorization: "Bearer bad" });
  await check(200, "{}", bearer);
  await check(200, "{}", { "x-bcs-user-token": "good" });
  await check(403, "{}", bearer, "/api/v4/export/type/1/data/8");
  await check(403, `{"objmeta":{"namespace":"bank"}}`, bearer);
  assert.equal(taken, 2);
  assert.equal(
    (await app.request("http://127.0.0.1/v1/status", { headers: bearer })).status,
    403,
    "it sends, but reads nothing",
  );
  assert.equal((await app.request("http://127.0.0.1/metrics")).status, 200);
});

test("every route but health and metrics asks who is there", async () => {
  const { access, tokens } = tokenAccess();
  tokens.set("reader", { role: "viewer", namespaces: ["*"] });
  const app = routes(() => Promise.resolve(), access);
  const open = ["/metrics", "/healthz", "/readyz"];
  for (const { method, path: route } of app.routes.filter((one) => one.method !== "ALL")) {
    const url = `http://127.0.0.1${route.replaceAll(/:\w+/g, "1")}`;
    const { status } = await app.request(url, { method });
    assert.equal(status === 401, !open.includes(route), route);
  }
  const read = await app.request("http://127.0.0.1/v1/status", { headers: { authorization: "Bearer reader" } });
  assert.equal(read.status, 503, "it may ask; the exporter is starting");
});

test("on loopback without tokens, pages of others in a local browser are refused", async () => {
  const app = routes(() => Promise.resolve());
  assert.equal((await post(app, path, "{}", { origin: "https://evil.example" })).status, 403);
  assert.equal((await app.request("http://rebound.example/v1/status")).status, 403);
  assert.equal((await app.request("http://localhost:7072/v1/status")).status, 503);
});
