import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Agent, fetch } from "undici";
import { systemEnv } from "../core/runtime/system_env.ts";
import { formatAddress } from "../core/runtime/system_net.ts";
import { type KeyPair, makeCa } from "../core/runtime/testing/certificates.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { Registry } from "../core/telemetry/metrics.ts";
import { openSecurity } from "./access/security.ts";
import { startExporter } from "./exporter.ts";
import { TestClient } from "./ingest/client_testing.ts";
import { helloFrame, scrapesFrame, shapeFrames } from "./ingest/session_testing.ts";
import { readSinks } from "./sinks/mod.ts";

const ca = makeCa();
const token = "a-token-of-some-length";
const anyPort = { host: "127.0.0.1", port: 0 };

test("over TLS with tokens a collector is served, old senders too, and a revoked token cuts its session", {
  timeout: 20_000,
}, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-secured-"));
  context.after(() => rm(folder, { recursive: true }));
  const at = (name: string) => join(folder, name);
  const writePair = async ({ cert, key }: KeyPair) => {
    await writeFile(at("cert.pem"), cert);
    await writeFile(at("key.pem"), key);
  };
  await writePair(ca.issue({ ips: ["127.0.0.1"] }));
  await writeFile(at("tokens.yaml"), 'tokens: [{ name: shop, token: "env:TOKEN", namespaces: [c1/shop] }]');
  const log = makeLogger("exporter", "silent");
  const deps = { fs: systemEnv.fs, clock: systemEnv.clock, log, variables: { TOKEN: token, OTHER: `${token}-2` } };
  await using opened = new AsyncDisposableStack();
  const paths = { tlsCert: at("cert.pem"), tlsKey: at("key.pem"), tlsClientCa: undefined, tokens: at("tokens.yaml") };
  const flags = { oldClients: false, allowInsecure: false };
  const security = await openSecurity({ ...paths, ...flags }, { listen: anyPort, http: anyPort }, deps, opened);
  const exporter = await startExporter({
    name: "exporter-0",
    cluster: "c1",
    dataDir: at("data"),
    listen: anyPort,
    http: anyPort,
    security,
    sinks: await readSinks({}, "", { env: systemEnv, dataDir: at("data"), log, variables: {} }),
    registry: null,
    env: systemEnv,
    log,
    metrics: new Registry(),
  });
  opened.defer(() => exporter.stop());

  const client = new TestClient(exporter.listen, { ca: ca.cert });
  client.send(helloFrame({ token }));
  await client.frames(1);
  client.send(...shapeFrames, scrapesFrame(1));
  assert.deepEqual(await client.frames(2), ["welcome 0", "ack 1"]);

  const dispatcher = new Agent({ connect: { ca: ca.cert } });
  opened.defer(() => dispatcher.close());
  const url = `https://${formatAddress(exporter.http)}/api/v4/export/type/1/data/7`;
  const post = (headers: Record<string, string>) => fetch(url, { method: "POST", body: "{}", headers, dispatcher });
  const taken = await post({ authorization: `Bearer ${token}` });
  assert.deepEqual([taken.status, await taken.text()], [200, "success"]);
  const stranger = await post({});
  assert.equal(stranger.status, 401);
  await stranger.body?.cancel();

  await writeFile(at("tokens.yaml"), 'tokens: [{ name: shop, token: "env:OTHER", namespaces: [c1/shop] }]');
  await client.closed;
  assert.deepEqual((await client.frames(3)).at(-1), "error 0");
  const late = new TestClient(exporter.listen, { ca: ca.cert });
  late.send(helloFrame({ token }));
  await late.closed;
  assert.deepEqual(await late.frames(1), ["error 0"]);
  assert.equal(exporter.status().receivedRecords, 2);
});
