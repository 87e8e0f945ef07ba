import assert from "node:assert/strict";
import { after, test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { parseAddress } from "../../core/runtime/system_net.ts";
import { defaultAccess } from "../../core/scrape/mod.ts";
import { serveRaw, serveTarget, type TestServer, unusedAddress } from "../../core/scrape/testing/target_server.ts";
import { Secret } from "../../core/secrets/secret.ts";
import { emptySnapshot } from "../discovery/discovery.ts";
import { Sources } from "../targets/sources.ts";
import { metricOf, podOf } from "../testing/documents.ts";
import { NoTargetError, type TrialResult, tryMetric } from "./trial.ts";

const opened: TestServer[] = [];
after(async () => {
  for (const server of opened) await server.close();
});

/** A target that answers with `body`. */
async function serving(body: string, contentType = "text/plain"): Promise<string> {
  const server = await serveTarget((_request, response) => {
    response.setHeader("content-type", contentType);
    response.end(body);
  });
  opened.push(server);
  return server.address;
}

/** Tries a metric whose only pod is at `address`. */
function trialOf(address: string, spec: Record<string, unknown> = {}, options = {}): Promise<TrialResult> {
  const { host, port } = parseAddress(address);
  const metric = metricOf("cart", { selector: { app: "shop" }, port, ...spec });
  const pods = [podOf("cart-0", { ip: host, labels: { app: "shop" } }), podOf("other", { ip: "127.0.0.9" })];
  const sources = new Sources([{ ...emptySnapshot, pods }]);
  return tryMetric({ metric, sources, clock: systemEnv.clock, version: "0", ...options });
}

test("a scrape is told with its counts and its first samples, as they would be sent on", async () => {
  const address = await serving(
    '# TYPE a counter\na{x="1",pod="own"} 1\na{x="2"} NaN\na{x="2"} 3\nb +Inf 1700000000000\n',
  );
  const result = await trialOf(address, { constLabels: { team: "trade" } });
  const { ok, status, samples, series, families, duplicates, problems, error, note, bodyBytes } = result;
  assert.deepEqual(
    { ok, status, samples, series, families, duplicates, problems, error, note, bodyBytes },
    {
      ok: true,
      status: 200,
      samples: 4,
      series: 3,
      families: 2,
      duplicates: 1,
      problems: [],
      error: null,
      note: "",
      bodyBytes: 83,
    },
  );
  assert.deepEqual(result.target, { address, pod: "cart-0" });
  assert.deepEqual(result.request, { method: "GET", url: `http://${address}/metrics` });
  const place = { cluster: "c1", namespace: "shop", metric: "cart", instance: address, pod: "cart-0", team: "trade" };
  assert.deepEqual(result.first, [
    { name: "a", labels: { ...place, x: "1", exported_pod: "own" }, value: 1, type: "counter" },
    { name: "a", labels: { ...place, x: "2" }, value: "NaN", type: "counter" },
    { name: "b", labels: place, value: "+Inf", timestampMs: 1_700_000_000_000 },
  ]);
});

test("limits that are exceeded are told all at once", async () => {
  const address = await serving('aaaa 1\nb{long_label="x"} 2\nc 3\n');
  const result = await trialOf(address, { limits: { samples: 2, labelNameLength: 9 } });
  assert.equal(result.ok, false);
  assert.equal(result.error, null);
  assert.deepEqual(result.problems, [
    `${address} exceeds limits.samples of 2: 3 samples`,
    `${address} exceeds limits.labelNameLength of 9: 10 bytes of "long_label" in "b"`,
  ]);
});

test("nonsense is told with its line and column, and what is none of metrics by its type", async () => {
  const broken = await trialOf(await serving("a 1\nb one\n"));
  assert.equal(broken.ok, false);
  assert.deepEqual([broken.error?.line, broken.error?.column, broken.status], [2, 3, 200]);
  assert.match(broken.error?.message ?? "", /^2:3: /);
  const html = await trialOf(await serving("<html>", "text/html"));
  assert.equal(html.error?.message, 'content type "text/html" is none of metrics');
});

test("a target that is down is told, with where the request came from", async () => {
  const result = await trialOf(await unusedAddress());
  assert.deepEqual([result.ok, result.status, result.error?.message], [false, 0, "connection refused"]);
  assert.match(result.note, /^this service made the request itself; a collector runs in the namespace's own network/);
});

test("a target that is slow ends with the metric's timeout", async () => {
  const silent = await serveRaw(() => {});
  opened.push(silent);
  const result = await trialOf(silent.address, { timeout: 0.1 });
  assert.equal(result.error?.message, "timeout after 0.1 s (headers)");
  assert.ok(result.durationMs >= 90 && result.durationMs < 3000, String(result.durationMs));
});

test("a refusal is told with its status, and a body beyond the limit is cut off", async () => {
  const server = await serveTarget((_request, response) => response.writeHead(503).end());
  opened.push(server);
  const refused = await trialOf(server.address);
  assert.deepEqual([refused.status, refused.error?.message, refused.note], [503, "HTTP 503", ""]);
  const large = await trialOf(await serving("a 1\n".repeat(100)), { limits: { bodyBytes: 99 } });
  assert.match(large.error?.message ?? "", /^body exceeds 99 bytes, which is limits\.bodyBytes of 127/);
});

test("only what the metric's own targets resolve to is scraped", async () => {
  const address = await serving("a 1\n");
  const elsewhere = await serving("secret 1\n");
  const chosen = await trialOf(address, {}, { pod: "cart-0", address });
  assert.equal(chosen.ok, true);
  await assert.rejects(trialOf(address, {}, { address: elsewhere }), (error) => {
    assert.ok(error instanceof NoTargetError);
    assert.equal(error.message, `metric cart has 1 targets, and none is ${elsewhere}`);
    return true;
  });
  await assert.rejects(trialOf(address, {}, { pod: "other" }), /none is pod other$/);
  await assert.rejects(trialOf(address, { port: "web" }), {
    message: "metric cart has no target: pod cart-0: pod has no ports, the metric asks for web",
  });
  const metadata = await trialOf("169.254.169.254:80");
  assert.match(metadata.error?.message ?? "", /169\.254\.169\.254 is denied/);
});

test("a secret that this service lacks is said to exist at the collectors, perhaps", async () => {
  const address = await serving("a 1\n");
  const result = await trialOf(address, { auth: { bearer: "file:token" } });
  assert.equal(result.error?.message, 'Cannot use secret "file:token": there are no secrets here');
  assert.match(result.note, /may exist at the namespace's collectors only/);
  const proxied = await trialOf(address, { proxyUrl: "http://127.0.0.1:3128" });
  assert.match(proxied.error?.message ?? "", /proxy .* is not among those/);
  assert.match(proxied.note, /the collectors have settings of their own/);
});

test("a trial uses the service's secrets and shows none of them", async () => {
  const canary = "canary-4c1d";
  let seen = "";
  const server = await serveTarget((request, response) => {
    seen = request.headers.authorization ?? "";
    response.writeHead(401).end();
  });
  opened.push(server);
  const secrets = { read: () => Promise.resolve(new Secret(canary)) };
  const result = await trialOf(server.address, { auth: { bearer: "file:t" } }, {
    access: { ...defaultAccess, secrets },
  });
  assert.equal(seen, `Bearer ${canary}`);
  assert.equal(result.error?.message, "HTTP 401");
  assert.ok(!JSON.stringify(result).includes(canary));
});

test("an opaque text is not looked into", async () => {
  const address = await serving("whatever it says");
  const opaque = await trialOf(address, { metricType: "" });
  assert.deepEqual([opaque.ok, opaque.samples, opaque.bodyBytes], [true, 0, 16]);
  assert.match(opaque.note, /opaque/);
});
