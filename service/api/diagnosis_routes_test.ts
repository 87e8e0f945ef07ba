import { Hono } from "hono";
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { parseAddress } from "../../core/runtime/system_net.ts";
import { serveRaw, serveTarget, type TestServer } from "../../core/scrape/testing/target_server.ts";
import { emptySnapshot } from "../discovery/discovery.ts";
import { EventLog, EventRecorder } from "../events/mod.ts";
import { Sources } from "../targets/sources.ts";
import { metricOf, podOf } from "../testing/documents.ts";
import { recordOf } from "../testing/fake_registry.ts";
import { type Identity, identityKey } from "./auth.ts";
import { type DiagnosisDeps, diagnosisRoutes } from "./diagnosis_routes.ts";

const editor: Identity = { name: "ann", role: "editor", namespaces: ["c1/shop"] };
const admin: Identity = { name: "root", role: "admin", namespaces: ["*"] };
const cart = metricOf("cart", { selector: { app: "shop" }, port: 9100 });
const pods = [
  podOf("cart-0", { labels: { app: "shop" } }),
  podOf("money-0", { namespace: "bank", labels: { app: "shop" }, ip: "10.0.0.2" }),
];
const metrics = [cart, metricOf("money", { selector: { app: "shop" } }, "bank")];

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

/** The routes as `identity` sees them. */
function routes(identity: Identity = admin, over: Partial<DiagnosisDeps> = {}) {
  const sources = new Sources([{ ...emptySnapshot, pods }]);
  const events = over.events ?? new EventLog({ epoch: "e", wallMs: () => 0 });
  const diagnosis = diagnosisRoutes({
    clock: systemEnv.clock,
    frequencyMinSeconds: 60,
    events,
    sources: () => sources,
    metric: ({ name }) => name === "cart" ? cart : null,
    explainView: () =>
      Promise.resolve({ metrics, files: [], sources, targets: [], collectors: [], exporters: [], nowMs: 0 }),
    askExporters: () => Promise.resolve({ exporters: [], unreachable: [] }),
    ...over,
  });
  opened.push(diagnosis);
  const app = new Hono();
  app.use(async (context, next) => {
    context.set(identityKey as never, identity as never);
    await next();
  });
  app.route("/", diagnosis.app);
  return { app, events, recorder: new EventRecorder(events), close: () => diagnosis.close() };
}

async function json(answer: Response): Promise<Record<string, unknown>> {
  return await answer.json() as Record<string, unknown>;
}

async function listening(server: Promise<TestServer>): Promise<TestServer> {
  const one = await server;
  opened.push(one);
  return one;
}

test("explain answers with the chain, and says what is wrong with a question", async () => {
  const { app } = routes();
  const answer = await json(await app.request("/v1/explain?pod=cart-0"));
  assert.match(String(answer["verdict"]), /^pod cart-0 at 10\.0\.0\.1:9100 is not scraped for metric c1\/shop\/cart: /);
  for (const query of ["", "?pod=a&metric=b", "?pods=a", "?pod="]) {
    const refused = await app.request(`/v1/explain${query}`);
    assert.deepEqual([refused.status, refused.headers.get("content-type")], [400, "application/problem+json"], query);
  }
  const early = routes(admin, { explainView: () => Promise.resolve(null) }).app;
  assert.equal((await early.request("/v1/explain?pod=cart-0")).status, 503);
});

test("what a token may not read is not there for an explanation", async () => {
  const asked = async (identity: Identity) =>
    String((await json(await routes(identity).app.request("/v1/explain?pod=money-0")))["verdict"]);
  assert.match(await asked(admin), /is not scraped for metric c1\/bank\/money/);
  assert.equal(await asked(editor), "no source knows a pod money-0.");
});

const trialPath = "/v1/clusters/c1/namespaces/shop/metrics/cart/trial";

/** A draft of `cart` as JSON, whose pods listen at `address`. */
function draft(address: string, spec: Record<string, unknown> = {}, name = "cart"): string {
  const document = metricOf(name, { selector: { app: "shop" }, port: parseAddress(address).port, ...spec });
  return JSON.stringify(document, null, 1);
}

const local = {
  sources: () => new Sources([{ ...emptySnapshot, pods: pods.map((pod) => ({ ...pod, ip: "127.0.0.1" })) }]),
};

test("a draft is scraped before it is saved", async () => {
  const target = await listening(serveTarget((_request, response) => {
    response.setHeader("content-type", "text/plain");
    response.end("a 1\n");
  }));
  const { app } = routes(editor, local);
  const answer = await app.request(trialPath, { method: "POST", body: draft(target.address) });
  assert.equal(answer.status, 200);
  const { port } = parseAddress(target.address);
  const bare = `spec: { version: "9", selector: { app: shop }, port: ${port}, uri: /metrics }`;
  assert.equal((await app.request(trialPath, { method: "POST", body: bare })).status, 200, "as for a PUT");
  const result = await json(answer);
  assert.deepEqual([result["ok"], result["samples"], result["target"]], [true, 1, {
    address: target.address,
    pod: "cart-0",
  }]);
});

test("a draft that is invalid, or of another name, is refused with its place", async () => {
  const { app } = routes(editor, local);
  const post = (body: string) => app.request(trialPath, { method: "POST", body });
  const invalid = await post('{"apiVersion": "bcs-metric/v1",\n "kind": "Metrik"}');
  assert.equal(invalid.status, 400);
  const problems = (await json(invalid))["problems"] as { line: number; column: number; message: string }[];
  const kind = problems.find(({ message }) => message.startsWith("unknown kind"));
  assert.deepEqual([kind?.line, kind?.column], [2, 10]);
  const short = await json(await post('spec: { version: "1", uri: metrics }'));
  assert.equal(short["detail"], '1:1: spec: missing key "port"');
  assert.deepEqual(short["problems"], [
    { line: 1, column: 1, field: "spec", message: 'missing key "port"' },
    { line: 1, column: 28, field: "spec.uri", message: "must begin with /" },
  ]);
  const other = await json(await post(draft("127.0.0.1:1", {}, "other")));
  assert.match(String(other["detail"]), /file says name other but its path says cart/);
  assert.equal((await post("a".repeat(1024 * 1024 + 1))).status, 413);
});

test("a trial needs a metric, a target of it, and the right to change it", async () => {
  const post = async (path: string, identity = editor, over: Partial<DiagnosisDeps> = local) => {
    const answer = await routes(identity, over).app.request(path, { method: "POST" });
    return [answer.status, (await json(answer))["detail"]];
  };
  assert.deepEqual(await post(trialPath.replace("cart", "none")), [
    404,
    "no metric c1/metric/shop/none.yaml is in force; send a draft of it as the body",
  ]);
  assert.deepEqual(await post(`${trialPath}?address=10.9.9.9:22`), [
    422,
    "metric cart has 1 targets, and none is 10.9.9.9:22",
  ]);
  assert.equal((await post(trialPath, { ...editor, role: "viewer" }))[0], 403);
  assert.equal((await post(trialPath.replace("shop", "bank")))[0], 403);
  assert.equal((await post(trialPath, editor, { sources: () => null }))[0], 503);
  assert.equal((await post(trialPath.replace("cart", "a%2Fb")))[0], 400);
});

test("a caller makes one trial at a time", async () => {
  const reached = Promise.withResolvers<() => void>();
  const target = await listening(serveRaw((socket) => reached.resolve(() => socket.destroy())));
  const { app } = routes(editor, local);
  const post = () => app.request(trialPath, { method: "POST", body: draft(target.address) });
  const first = post();
  const end = await reached.promise;
  const second = await post();
  assert.deepEqual([second.status, second.headers.get("retry-after")], [429, "5"]);
  end();
  assert.equal((await first).status, 200);
});

test("events are listed since the one that is named", async () => {
  const { app, recorder } = routes();
  recorder.leader("a", "");
  recorder.leader("b", "");
  const since = async (id: string) => {
    const { events, last, missed } = await json(await app.request(`/v1/events?since=${id}`));
    return [(events as { name: string }[]).map(({ name }) => name).join(""), last, missed];
  };
  assert.deepEqual(await since(""), ["ab", "e-2", false]);
  assert.deepEqual(await since("e-1"), ["b", "e-2", false]);
  assert.deepEqual(await since("e-2"), ["", "e-2", false]);
  assert.deepEqual(await since("other-9"), ["ab", "e-2", true]);
});

/** Reads until `text` holds `count` whole events; the heartbeat's comments do not count. */
async function readEvents(reader: ReadableStreamDefaultReader<Uint8Array>, count: number): Promise<string[]> {
  let text = "";
  const decoder = new TextDecoder();
  for (;;) {
    const events = text.split("\n\n").slice(0, -1).filter((one) => one.startsWith("id:"));
    if (events.length >= count) return events.map((one) => one.split("\n").slice(0, 2).join(" "));
    const { value, done } = await reader.read();
    assert.ok(!done, `the stream ended after: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
}

test("a stream tells what happens, resumes after the last event, and ends with the service", async () => {
  const { app, recorder, close } = routes();
  recorder.leader("before", "");
  const stream = async (headers: Record<string, string> = {}) => {
    const answer = await app.request("/v1/events", { headers });
    assert.equal(answer.headers.get("content-type"), "text/event-stream");
    assert.ok(answer.body !== null);
    return answer.body.getReader();
  };
  const fresh = await stream();
  recorder.leader("after", "");
  assert.deepEqual(await readEvents(fresh, 1), ["id: e-2 event: leader"]);
  const resumed = await stream({ "last-event-id": "e-0" });
  assert.deepEqual(await readEvents(resumed, 2), ["id: e-1 event: leader", "id: e-2 event: leader"]);
  const lost = await stream({ "last-event-id": "gone-7" });
  assert.deepEqual(await readEvents(lost, 2), ["id: e-0 event: missed", "id: e-1 event: leader"]);
  close();
  assert.equal((await fresh.read()).done, true);
  await Promise.all([resumed, lost].map((reader) => reader.cancel()));
  assert.equal((await app.request("/v1/events")).status, 503);
});

test("events of namespaces that the token may not read, or that are not asked for, are left out", async () => {
  const seen = async (identity: Identity, query = "") => {
    const { app, recorder } = routes(identity);
    recorder.collectors([]);
    const collectors = ["shop", "bank"].map((namespace) => recordOf("collector", `c1.${namespace}.x`, { namespace }));
    recorder.collectors(collectors);
    recorder.leader("me", "");
    const { events } = await json(await app.request(`/v1/events?since=${query}`));
    return (events as { namespace: string }[]).map(({ namespace }) => namespace);
  };
  assert.deepEqual(await seen(admin), ["shop", "bank", ""]);
  assert.deepEqual(await seen(editor), ["shop"]);
  assert.deepEqual(await seen(admin, "&namespace=bank"), ["bank"]);
});
