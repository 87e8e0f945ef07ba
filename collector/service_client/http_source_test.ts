import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, test } from "node:test";
import { recordOf } from "../../core/registry/testing/record.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { serveTarget } from "../../core/scrape/testing/target_server.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import type { SourceEvent } from "../assignment/mod.ts";
import { HttpSource, readServices } from "./http_source.ts";
import { makeTransport } from "./transport.ts";

let undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const one of undo.toReversed()) await one();
  undo = [];
});

/** A service whose streams the test writes to. */
async function serveService() {
  const asked: { path: string; lastEventId: string; token: string }[] = [];
  const opened: ServerResponse[] = [];
  const waiting: ((response: ServerResponse) => void)[] = [];
  const server = await serveTarget((request, response) => {
    if (request.url === "/base/v1/services") {
      response.end('{"services":[]}');
      return;
    }
    const { authorization = "", "last-event-id": lastEventId = "" } = request.headers;
    asked.push({ path: request.url ?? "", lastEventId: String(lastEventId), token: authorization });
    response.writeHead(200, { "content-type": "text/event-stream" }).write("retry: 1000\n\n");
    const next = waiting.shift();
    if (next === undefined) opened.push(response);
    else next(response);
  });
  undo.push(() => server.close());
  const stream = () => {
    const next = opened.shift();
    return next === undefined ? new Promise<ServerResponse>((resolve) => waiting.push(resolve)) : Promise.resolve(next);
  };
  return { url: `http://${server.address}/base`, asked, stream };
}

function follow(url: string) {
  const transport = makeTransport({ clock: systemEnv.clock, token: "secret" });
  const log = makeLogger("test", "silent");
  const source = new HttpSource({ services: [url], path: "/v1/stream?cluster=c", transport, env: systemEnv, log });
  const events: SourceEvent[] = [];
  let notify = () => {};
  void source.start((event) => {
    events.push(event);
    notify();
  }, 0);
  undo.push(() => transport.close(), () => source.close());
  /** Resolves with the next event of this type that was not taken yet. */
  const take = async (type: SourceEvent["type"]): Promise<SourceEvent> => {
    for (;;) {
      const event = events.shift();
      if (event?.type === type) return event;
      if (event === undefined) await new Promise<void>((resolve) => notify = resolve);
    }
  };
  return { source, take };
}

const collection = (generation: number) =>
  `event: collection\nid: ${generation}\ndata: {"spec":{"generation":${generation},"digest":"d"}}\n\n`;

test("a stream is followed over real connections, and resumed after a break", async () => {
  const service = await serveService();
  const { take, source } = follow(service.url);
  const first = await service.stream();
  const text = collection(3);
  first.write(text.slice(0, 20));
  first.write(text.slice(20));
  assert.deepEqual(await take("document"), { type: "document", text: '{"spec":{"generation":3,"digest":"d"}}' });
  first.destroy();
  const lost = await take("unavailable");
  assert.ok(lost.type === "unavailable" && lost.reason.startsWith(service.url));
  const second = await service.stream();
  second.write('event: unchanged\nid: 3\ndata: {"generation":3,"digest":"d"}\n\n');
  await take("available");
  assert.deepEqual(service.asked, [
    { path: "/base/v1/stream?cluster=c", lastEventId: "", token: "Bearer secret" },
    { path: "/base/v1/stream?cluster=c", lastEventId: "3", token: "Bearer secret" },
  ]);
  assert.deepEqual(source.services(), [service.url]);
});

test("a refusal is told with its reason", async () => {
  const server = await serveTarget((request, response) => {
    if (request.url === "/v1/services") response.end('{"services":[]}');
    else response.writeHead(403).end(JSON.stringify({ detail: "the token does not allow it" }));
  });
  undo.push(() => server.close());
  const { take } = follow(`http://${server.address}`);
  const refused = await take("unavailable");
  assert.deepEqual(refused, {
    type: "unavailable",
    reason: `http://${server.address}: HTTP 403: the token does not allow it`,
  });
});

test("services are read from their records", () => {
  const answer = (services: readonly unknown[]) => JSON.stringify({ services });
  const record = recordOf("service", "a", { ip: "10.0.0.1", port: 7070 });
  const outside = recordOf("service", "b", { external_ip: "1.2.3.4", external_port: 80 });
  const six = recordOf("service", "c", { ip: "::1", port: 7070 });
  assert.deepEqual(readServices(answer([record, outside, six, { odd: true }])), [
    "http://10.0.0.1:7070",
    "http://1.2.3.4:80",
    "http://[::1]:7070",
  ]);
  assert.equal(readServices("{"), null);
  assert.equal(readServices("[]"), null);
});
