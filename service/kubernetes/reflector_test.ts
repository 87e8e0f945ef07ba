import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../core/runtime/env.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { fixedToken } from "../clusters/access.ts";
import { KubeClient } from "./client.ts";
import { Reflector } from "./reflector.ts";
import { ApiFault, type ApiRequest } from "./testing/answer.ts";
import { KubeApiServer } from "./testing/api_server.ts";
import { until } from "./testing/until.ts";

/** Pauses pass ten times as fast. */
const hastyClock: Clock = {
  wallMs: () => systemEnv.clock.wallMs(),
  monotonicMs: () => systemEnv.clock.monotonicMs(),
  after: (delayMs, callback) => systemEnv.clock.after(delayMs / 10, callback),
};

async function opened(options: { readonly pageItems?: number; readonly labelSelector?: string } = {}) {
  const server = await KubeApiServer.start();
  const { clock, random } = systemEnv;
  const access = { server: server.url, insecureSkipVerify: false, token: fixedToken("t") };
  const client = new KubeClient({ access, clock, timeoutMs: 5000 });
  let told = 0;
  const reflector = new Reflector<string>({
    client,
    clock: hastyClock,
    random,
    log: makeLogger("test", "silent"),
    path: "/api/v1/pods",
    read: ({ metadata }) => metadata.labels?.["hidden"] === undefined ? metadata.labels?.["app"] ?? "" : null,
    onChange: () => told++,
    gatherMs: 100,
    ...options,
  });
  return {
    server,
    reflector,
    told: () => told,
    pod: (name: string, labels: Record<string, string> = {}) => {
      const metadata = { namespace: "shop", name, resourceVersion: "", labels };
      server.store.put("v1/pods", { metadata, spec: {}, status: { phase: "Running" } }, { manager: "test" });
    },
    names: () => [...reflector.items()?.keys() ?? ["unread"]].map((key) => key.slice("shop/".length)).toSorted(),
    shows: (what: string, is: () => boolean) => until(what, () => is() ? true : null),
    async close() {
      await reflector.close();
      await client.close();
      await server.close();
    },
  };
}

type Opened = Awaited<ReturnType<typeof opened>>;

async function within(options: Parameters<typeof opened>[0], body: (all: Opened) => Promise<void>): Promise<void> {
  const all = await opened(options);
  try {
    await body(all);
  } finally {
    await all.close();
  }
}

test("the collection is read in chunks and then followed", () =>
  within({ pageItems: 2 }, async ({ server, reflector, pod, names, shows }) => {
    for (const name of ["a", "b", "c", "d", "e"]) pod(name);
    reflector.start();
    await shows("all are read", () => names().length === 5);
    assert.deepEqual(server.requests.filter((one) => one === "GET /api/v1/pods").length, 3);
    await shows("it is watched", () => server.watches === 1);
    pod("f");
    server.store.delete("v1/pods", "shop", "a");
    pod("b", { app: "x" });
    await shows("the changes are seen", () => names().join("") === "bcdef");
    assert.equal(reflector.items()?.get("shop/b")?.value, "x");
    pod("c", { hidden: "1" });
    await shows("what does not matter any more is gone", () => names().join("") === "bdef");
  }));

test("what leaves the selection is gone", () =>
  within({ labelSelector: "app" }, async ({ reflector, pod, names, shows }) => {
    pod("a", { app: "1" });
    pod("other");
    reflector.start();
    await shows("one is read", () => names().join() === "a");
    pod("a", { not: "1" });
    await shows("it has left", () => names().length === 0);
  }));

test("a watch goes on where it ended, without another list, behind a bookmark if there was one", () =>
  within({}, async ({ server, reflector, pod, names, shows }) => {
    reflector.start();
    await shows("it is watched", () => server.watches === 1);
    pod("a");
    await shows("a is there", () => names().join("") === "a");
    server.store.put("v1/events", { metadata: { namespace: "n", name: "e", resourceVersion: "" } }, { manager: "t" });
    server.bookmark();
    pod("b");
    await shows("b is there", () => names().join("") === "ab");
    server.endWatches();
    await shows("it ended", () => server.watches === 0);
    pod("c");
    await shows("c is there", () => names().join("") === "abc");
    assert.equal(reflector.lists, 1);
  }));

test("a forgotten version, said by an event or by the status, is listed anew and loses nothing", () =>
  within({}, async ({ server, reflector, pod, names, shows }) => {
    pod("a");
    reflector.start();
    await shows("it is watched", () => server.watches === 1);
    server.endWatches();
    await shows("it ended", () => server.watches === 0);
    pod("b");
    server.store.delete("v1/pods", "shop", "a");
    server.store.compact();
    await shows("b alone is there", () => names().join("") === "b" && server.watches === 1);
    assert.equal(reflector.lists, 2);
    pod("c");
    await shows("c is there", () => names().join("") === "bc");
    let refusals = 1;
    server.refuse = ({ method }) => method === "WATCH" && refusals-- > 0 ? new ApiFault(410, "Gone", "too old") : null;
    server.endWatches();
    await shows("it was listed again", () => reflector.lists === 3 && server.watches === 1);
    assert.equal(reflector.problem, null);
  }));

test("where watching is forbidden the lists go on, and that is no problem", () =>
  within({}, async ({ server, reflector, pod, names, shows }) => {
    server.refuse = ({ method }: ApiRequest) => method === "WATCH" ? new ApiFault(403, "Forbidden", "no watch") : null;
    pod("a");
    reflector.start();
    await shows("it was listed twice", () => reflector.lists === 2);
    assert.deepEqual([names(), reflector.problem], [["a"], null]);
  }));

test("a server that goes away leaves what is known, with the reason, and is found again", () =>
  within({}, async ({ server, reflector, pod, names, shows, told }) => {
    pod("a");
    reflector.start();
    await shows("it is watched", () => server.watches === 1);
    await server.goAway();
    await shows("the problem shows", () => reflector.problem !== null);
    assert.deepEqual(names(), ["a"]);
    const before = told();
    await server.listen();
    pod("b");
    await shows("b is there", () => names().join("") === "ab" && reflector.problem === null && told() > before);
    assert.equal(reflector.lists, 1);
  }));

test("a collection that may not even be listed was never read", () =>
  within({}, async ({ server, reflector, shows }) => {
    server.refuse = () => new ApiFault(403, "Forbidden", 'pods is forbidden: User "x" cannot list resource "pods"');
    reflector.start();
    await shows("the problem shows", () => reflector.problem !== null);
    assert.match(reflector.problem?.reason ?? "", /^HTTP 403: pods is forbidden/);
    assert.equal(reflector.items(), null);
  }));

test("ten thousand pods are read, and each change costs one event", () =>
  within({}, async ({ server, reflector, pod, shows, told }) => {
    for (let index = 0; index < 10_000; index++) pod(`pod-${index}`, { app: "x" });
    reflector.start();
    await shows("all are read", () => reflector.items()?.size === 10_000 && server.watches === 1);
    const before = told();
    for (let index = 0; index < 1000; index++) pod(`pod-${index}`, { app: "y" });
    await shows("the changes are seen", () => reflector.items()?.get("shop/pod-999")?.value === "y");
    await shows("they are told", () => told() > before);
    assert.ok(told() - before < 100, `told ${told() - before} times`);
    assert.equal(reflector.lists, 1);
  }));
