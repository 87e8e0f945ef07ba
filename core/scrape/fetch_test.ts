import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { after, test as define } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { systemEnv } from "../runtime/system_env.ts";
import { defaultAccess } from "./access.ts";
import { makeFetcher, type TargetFetcher } from "./fetch.ts";
import { planRequest, type ScrapeRequest } from "./request.ts";
import { testMetric, testTarget } from "./testing/metrics.ts";
import { serveRaw, serveTarget, type TestServer, unusedAddress } from "./testing/target_server.ts";
import { UndiciFetcher } from "./undici_fetcher.ts";

const opened: { close(): unknown }[] = [];
after(async () => {
  for (const one of opened) await one.close();
});

/** Node's servers keep a connection for 5 s. */
const frequencyMs = 1000;

/** The ways to fetch, which tell the same: straight over TCP where a request is plain, and always by undici. */
const ways: Readonly<Record<string, (request: ScrapeRequest) => TargetFetcher>> = {
  usually: (request) => makeFetcher(request, frequencyMs, systemEnv.clock),
  "by undici": (request) => new UndiciFetcher(request, frequencyMs, systemEnv.clock, defaultAccess),
};
let makeIn = ways["usually"];

/** Defines a test for each way. Tests run one after the other. */
function test(name: string, run: () => Promise<void>): void {
  for (const [way, make] of Object.entries(ways)) {
    define(`${way}: ${name}`, async () => {
      makeIn = make;
      await run();
    });
  }
}

function fetcherOf(address: string, fields: Record<string, unknown> = {}): TargetFetcher {
  const metric = testMetric({ timeout: 5, frequency: 60, ...fields });
  assert.ok(makeIn !== undefined);
  const fetcher = makeIn(planRequest(metric, testTarget({ address }), "0.1.0"));
  opened.push(fetcher);
  return fetcher;
}

async function opening(server: Promise<TestServer>): Promise<TestServer> {
  const opener = await server;
  opened.push(opener);
  return opener;
}

async function reasonFrom(server: Promise<TestServer>, fields: Record<string, unknown> = {}): Promise<string> {
  const outcome = await fetcherOf((await opening(server)).address, fields).fetch();
  assert.ok(!outcome.ok, "the fetch should have failed");
  return outcome.reason;
}

async function textFrom(fetcher: TargetFetcher): Promise<string> {
  const outcome = await fetcher.fetch();
  assert.ok(outcome.ok, outcome.ok ? "" : outcome.reason);
  return new TextDecoder().decode(outcome.body);
}

/** Sends `bytes` again and again, as fast as they are taken, and counts those that were. */
function endlessly(socket: Socket, bytes: Uint8Array): { sent: number } {
  const count = { sent: 0 };
  const pump = () => {
    let room = true;
    while (room && socket.writable) {
      room = socket.write(bytes);
      count.sent += bytes.length;
    }
  };
  socket.on("drain", pump);
  pump();
  return count;
}

test("a body comes back whole, with its content type, over one kept connection", async () => {
  const server = await opening(serveTarget((request, response) => {
    response.setHeader("content-type", "text/plain; version=0.0.4");
    response.end(`up 1\n# ${request.method} ${request.url}\n`);
  }));
  const fetcher = fetcherOf(server.address, { parameters: { a: "1" } });
  for (let round = 0; round < 3; round++) {
    const outcome = await fetcher.fetch();
    assert.ok(outcome.ok);
    assert.equal(outcome.contentType, "text/plain; version=0.0.4");
    assert.equal(new TextDecoder().decode(outcome.body), "up 1\n# GET /metrics?a=1\n");
  }
  assert.equal(server.accepted(), 1);
});

test("headers reach the target; POST has no body", async () => {
  const server = await opening(serveTarget((request, response) => {
    let bytes = 0;
    request.on("data", (chunk: Uint8Array) => bytes += chunk.length);
    request.on("end", () => response.end(JSON.stringify({ method: request.method, bytes, headers: request.headers })));
  }));
  const fetcher = fetcherOf(server.address, { method: "POST", head: { "X-Token": "t", Host: "shop.example" } });
  for (let round = 0; round < 2; round++) {
    const seen = JSON.parse(await textFrom(fetcher));
    assert.equal(seen.method, "POST");
    assert.equal(seen.bytes, 0);
    assert.equal(seen.headers["x-token"], "t");
    assert.equal(seen.headers.host, "shop.example");
    assert.equal(seen.headers["user-agent"], "bcs-metric/0.1.0");
    assert.equal(seen.headers["x-prometheus-scrape-timeout-seconds"], "5");
  }
});

test("gzip and chunked bodies are decoded", async () => {
  const text = "metric 1\n".repeat(10_000);
  const server = await opening(serveTarget((request, response) => {
    assert.equal(request.headers["accept-encoding"], "gzip");
    response.setHeader("content-encoding", "gzip");
    const compressed = gzipSync(text);
    for (let at = 0; at < compressed.length; at += 7) response.write(compressed.subarray(at, at + 7));
    response.end();
  }));
  assert.equal(await textFrom(fetcherOf(server.address)), text);
});

test("a body of exactly the limit passes, one byte more does not", async () => {
  const server = () => serveTarget((_request, response) => void response.end("x".repeat(1000)));
  assert.equal(
    (await textFrom(fetcherOf((await opening(server())).address, { limits: { bodyBytes: 1000 } }))).length,
    1000,
  );
  assert.match(
    await reasonFrom(server(), { limits: { bodyBytes: 999 } }),
    /^body exceeds 999 bytes, which is limits\.bodyBytes of 127\.0\.0\.1:\d+$/,
  );
});

test("nothing listens", async () => {
  const outcome = await fetcherOf(await unusedAddress()).fetch();
  assert.deepEqual(outcome, { ok: false, reason: "connection refused", status: 0, unanswered: false });
});

test("a target that never answers times out while its headers are awaited", async () => {
  assert.equal(await reasonFrom(serveRaw(() => {}), { timeout: 0.05 }), "timeout after 0.05 s (headers)");
});

test("headers and body that trickle share one deadline", async () => {
  const trickle = (text: string) =>
    serveRaw((socket) => {
      let at = 0;
      const timer = setInterval(() => void socket.write(text.charAt(at++)), 20);
      socket.once("close", () => clearInterval(timer));
    });
  const started = performance.now();
  const head = "HTTP/1.1 200 OK\r\n";
  assert.equal(
    await reasonFrom(trickle(`${head}x: ${"y".repeat(1000)}`), { timeout: 0.2 }),
    "timeout after 0.2 s (headers)",
  );
  assert.ok(performance.now() - started < 1000);
  const body = serveRaw((socket) => {
    socket.write(`${head}\r\n`);
    const timer = setInterval(() => void socket.write("up 1\n"), 20);
    socket.once("close", () => clearInterval(timer));
  });
  assert.equal(await reasonFrom(body, { timeout: 0.2 }), "timeout after 0.2 s (body)");
});

test("an endless body is cut off at the limit and its connection closed", async () => {
  let count = { sent: 0 };
  const closed = Promise.withResolvers<void>();
  const server = serveRaw((socket) => {
    socket.once("close", () => closed.resolve());
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    count = endlessly(socket, new Uint8Array(16_384).fill(0x61));
  });
  assert.match(await reasonFrom(server, { limits: { bodyBytes: 1_000_000 } }), /^body exceeds 1000000 bytes/);
  await closed.promise;
  assert.ok(count.sent < 32_000_000, `the target could send ${count.sent} bytes`);
});

test("an announced length above the limit fails before the body is read", async () => {
  const server = serveRaw((socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx"));
  assert.match(await reasonFrom(server), /^body exceeds 67108864 bytes/);
});

test("a gzip bomb is cut off at the limit of decompressed bytes", async () => {
  const bomb = gzipSync(new Uint8Array(50_000_000));
  const server = serveTarget((_request, response) => {
    response.setHeader("content-encoding", "gzip");
    response.end(bomb);
  });
  assert.match(await reasonFrom(server, { limits: { bodyBytes: 1_000_000 } }), /^body exceeds 1000000 bytes/);
});

test("a zstd body is decoded, and a bomb of it cut off", async () => {
  const coded = (body: Uint8Array) =>
    serveTarget((_request, response) => {
      response.setHeader("content-encoding", "zstd");
      response.end(body);
    });
  const text = "metric 1\n".repeat(10_000);
  assert.equal(await textFrom(fetcherOf((await opening(coded(zstdCompressSync(text)))).address)), text);
  const bomb = zstdCompressSync(new Uint8Array(50_000_000));
  assert.match(await reasonFrom(coded(bomb), { limits: { bodyBytes: 1_000_000 } }), /^body exceeds 1000000 bytes/);
  assert.match(await reasonFrom(coded(Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]))), /^zstd: /);
});

test("an endless stream of empty gzip members is cut off at the limit of compressed bytes", async () => {
  const server = serveRaw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    endlessly(socket, gzipSync(""));
  });
  assert.match(await reasonFrom(server, { limits: { bodyBytes: 50_000 } }), /^body exceeds 50000 bytes/);
});

test("a broken gzip body and a coding that was not asked for are named", async () => {
  const coded = (coding: string, body: string) =>
    serveTarget((_request, response) => {
      response.setHeader("content-encoding", coding);
      response.end(body);
    });
  assert.match(await reasonFrom(coded("gzip", "no gzip at all")), /^gzip: /);
  assert.equal(await reasonFrom(coded("br", "x")), 'content encoding "br" is not supported');
  assert.equal(await reasonFrom(coded("gzip, gzip", "x")), 'content encoding "gzip, gzip" is not supported');
});

test("a status other than 200 is a failure, and a redirect is not followed", async () => {
  const status = (code: number, headers: Record<string, string> = {}) =>
    serveTarget((_request, response) => void response.writeHead(code, headers).end("up 1\n"));
  assert.equal(await reasonFrom(status(503)), "HTTP 503");
  assert.equal(await reasonFrom(status(404)), "HTTP 404");
  assert.equal(await reasonFrom(status(302, { location: "/elsewhere" })), "HTTP 302 (redirects are not followed)");
});

test("what is no HTTP is named", async () => {
  assert.match(
    await reasonFrom(serveRaw((socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n"))),
    /^not an HTTP response/,
  );
});

test("headers without end are cut off", async () => {
  const server = serveRaw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\n");
    endlessly(socket, new TextEncoder().encode(`x: ${"y".repeat(1000)}\r\n`));
  });
  assert.match(await reasonFrom(server), /headers are too large|not an HTTP response/);
});

test("a body that ends early is a failure", async () => {
  const server = serveRaw((socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nup 1\n"));
  assert.match(await reasonFrom(server), /connection closed before the response was complete|Content-Length/);
});

test("a kept connection that the target closed in the meantime costs no scrape", async () => {
  let requests = 0;
  const server = await opening(serveRaw((socket) => {
    socket.on("data", () => {
      requests++;
      // Every second request is answered by closing, as a server does whose idle timeout has just struck.
      if (requests % 2 === 0) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nup 1\n");
    });
  }));
  const fetcher = fetcherOf(server.address);
  for (let round = 0; round < 3; round++) assert.equal(await textFrom(fetcher), "up 1\n");
  assert.equal(requests, 5);
});

test("a target that fails is fetched again on a new connection", async () => {
  let healthy = false;
  const server = await opening(serveTarget((_request, response) => {
    if (healthy) response.end("up 1\n");
    else response.writeHead(500).end("x".repeat(1_000_000));
  }));
  const fetcher = fetcherOf(server.address);
  assert.equal((await fetcher.fetch()).ok, false);
  healthy = true;
  assert.equal(await textFrom(fetcher), "up 1\n");
  assert.equal(server.accepted(), 2);
});

test("closing ends a fetch under way, and later ones fail", async () => {
  const reached = Promise.withResolvers<void>();
  const server = await opening(serveTarget(() => reached.resolve()));
  const fetcher = fetcherOf(server.address);
  const pending = fetcher.fetch();
  await reached.promise;
  fetcher.close();
  const want = { ok: false, reason: "the collector no longer scrapes this target", status: 0, unanswered: false };
  assert.deepEqual(await pending, want);
  assert.deepEqual(await fetcher.fetch(), want);
});

test("a header that HTTP forbids fails the fetch with its name", async () => {
  const server = serveTarget((_request, response) => void response.end("up 1\n"));
  assert.match(await reasonFrom(server, { head: { "Transfer-Encoding": "chunked" } }), /transfer-encoding/);
});
