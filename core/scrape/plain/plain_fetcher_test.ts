import assert from "node:assert/strict";
import * as net from "node:net";
import type { Socket } from "node:net";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { systemEnv } from "../../runtime/system_env.ts";
import { defaultAccess, type ScrapeAccess } from "../access.ts";
import { AddressRules } from "../address_rules.ts";
import type { FetchOutcome } from "../exchange.ts";
import { planRequest } from "../request.ts";
import { testMetric, testTarget } from "../testing/metrics.ts";
import { serveRaw, type TestServer } from "../testing/target_server.ts";
import { type BodyMemory, type LentBody, PooledBodyMemory } from "./body_memory.ts";
import { PlainFetcher } from "./plain_fetcher.ts";

const opened: { close(): unknown }[] = [];
after(async () => {
  for (const one of opened) await one.close();
});

/** Tells of each room that it lends. */
class WatchedMemory implements BodyMemory {
  readonly #memory = new PooledBodyMemory();
  /** With the size of the room when it was lent. */
  readonly lent: (LentBody & { readonly roomBytes: number })[] = [];
  released = 0;

  lend(bytesMin: number): LentBody {
    const body = this.#memory.lend(bytesMin);
    const roomBytes = body.bytes.length;
    const watched = {
      roomBytes,
      get bytes() {
        return body.bytes;
      },
      grow: (min: number) => body.grow(min),
      release: () => {
        body.release();
        this.released++;
      },
    };
    this.lent.push(watched);
    return watched;
  }
}

/** A target that answers each request by `respond`, which may take its time. */
async function serve(respond: (socket: Socket, request: string) => void): Promise<TestServer> {
  const server = await serveRaw((socket) => {
    socket.on("data", (bytes: Uint8Array) => respond(socket, Buffer.from(bytes).toString("latin1")));
  });
  opened.push(server);
  return server;
}

interface Options {
  readonly memory?: BodyMemory;
  readonly access?: ScrapeAccess;
  readonly frequencyMs?: number;
  readonly fields?: Record<string, unknown>;
}

function fetcherOf(address: string, options: Options = {}): PlainFetcher {
  const { memory = new PooledBodyMemory(), access = defaultAccess, frequencyMs = 60_000, fields = {} } = options;
  const request = planRequest(testMetric({ timeout: 5, frequency: 60, ...fields }), testTarget({ address }), "0.1.0");
  const fetcher = new PlainFetcher(request, frequencyMs, systemEnv.clock, access, memory);
  opened.push(fetcher);
  return fetcher;
}

function textOf(outcome: FetchOutcome): string {
  assert.ok(outcome.ok, outcome.ok ? "" : outcome.reason);
  const text = Buffer.from(outcome.body).toString("latin1");
  outcome.release?.();
  return text;
}

const lengthAnswer = (body: string, fields = "") =>
  `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

function chunkedAnswer(body: string, size: number): string {
  let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.slice(at, at + size);
    text += `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

/** So long that it takes several reads. */
const large = Array.from({ length: 40_000 }, (_, line) => `metric{line="${line}"} ${line}\n`).join("");

test("large bodies of each framing come whole, many at once, scrape after scrape", async () => {
  const memory = new WatchedMemory();
  const bodies = Array.from({ length: 6 }, (_, index) => large.replaceAll("metric", `target_${index}`));
  const scrapes = await Promise.all(bodies.map(async (body, index) => {
    const answer = [lengthAnswer(body), chunkedAnswer(body, 5000), chunkedAnswer(body, 200_000)][index % 3] ?? "";
    const { address } = await serve((socket) => void socket.write(answer));
    return { fetcher: fetcherOf(address, { memory }), body };
  }));
  for (let round = 0; round < 3; round++) {
    await Promise.all(scrapes.map(async ({ fetcher, body }) => {
      // No difference of a megabyte, should there be any.
      assert.ok(textOf(await fetcher.fetch()) === body);
    }));
  }
  assert.equal(memory.released, memory.lent.length);
});

test("the body lies in the memory that was lent for it", async () => {
  const memory = new WatchedMemory();
  for (const answer of [lengthAnswer(large), chunkedAnswer(large, 1000), gzipAnswer(large)]) {
    const { address } = await serve((socket) => void socket.write(answer, "latin1"));
    const fetcher = fetcherOf(address, { memory });
    for (let round = 0; round < 2; round++) {
      const outcome = await fetcher.fetch();
      assert.ok(outcome.ok);
      assert.equal(outcome.body.buffer, memory.lent.at(-1)?.bytes.buffer);
      assert.ok(textOf(outcome) === large);
    }
  }
  assert.equal(memory.released, memory.lent.length);
});

test("what is lent is given back when a scrape fails, whatever ends it", async () => {
  const memory = new WatchedMemory();
  const head = "HTTP/1.1 200 OK\r\n";
  const failures: (readonly [answer: string, reason: RegExp, fields?: Record<string, unknown>])[] = [
    [`${head}Content-Length: 10\r\n\r\nup`, /timeout after 0.05 s \(body\)/, { timeout: 0.05 }],
    [`${head}Transfer-Encoding: chunked\r\n\r\n2\r\nupx`, /a chunk is longer/],
    [`${head}Transfer-Encoding: chunked\r\n\r\nfffff\r\nup`, /body exceeds 1000 bytes/, {
      limits: { bodyBytes: 1000 },
    }],
    [`${head}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope`, /^gzip: /],
  ];
  for (const [answer, want, fields = {}] of failures) {
    const { address } = await serve((socket) => void socket.write(answer));
    const outcome = await fetcherOf(address, { memory, fields }).fetch();
    assert.match(outcome.ok ? "" : outcome.reason, want);
  }
  const reached = Promise.withResolvers<void>();
  const { address } = await serve((socket) => {
    socket.write(`${head}\r\nup`);
    reached.resolve();
  });
  const fetcher = fetcherOf(address, { memory });
  const told = Promise.withResolvers<void>();
  const pending = fetcher.fetch(() => told.resolve());
  await Promise.all([reached.promise, told.promise]);
  fetcher.close();
  assert.equal((await pending).ok, false);
  // The memory is given back when the connection is closed, a moment later.
  while (memory.released < memory.lent.length) await new Promise((resolve) => setImmediate(resolve));
});

test("an announcement alone gets little memory", async () => {
  const memory = new WatchedMemory();
  const { address } = await serve((socket) =>
    void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\nup")
  );
  const outcome = await fetcherOf(address, { memory, fields: { timeout: 0.05 } }).fetch();
  assert.match(outcome.ok ? "" : outcome.reason, /timeout/);
  assert.ok((memory.lent[0]?.roomBytes ?? Infinity) <= 512 * 1024);
});

test("a listener is told of a body while it comes", async () => {
  const parts = ["a 1\n", "b 2\n", "c 3\n"];
  const heard: string[] = [];
  let more = () => {};
  const { address } = await serve((socket) => {
    let next = 0;
    socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    more = () => void socket.write(next < parts.length ? `4\r\n${parts[next++] ?? ""}\r\n` : "0\r\n\r\n");
    more();
  });
  const outcome = await fetcherOf(address).fetch((body) => {
    heard.push(Buffer.from(body).toString());
    more();
  });
  assert.equal(textOf(outcome), parts.join(""));
  assert.deepEqual(heard, ["a 1\n", "a 1\nb 2\n", "a 1\nb 2\nc 3\n"]);
});

test("a connection is not kept when the target closes it, sends too much, or will have closed it by the next scrape", async () => {
  const answers: (readonly [answer: string, connections: number])[] = [
    [lengthAnswer("up"), 1],
    [lengthAnswer("up", "Keep-Alive: timeout=9\r\n"), 1],
    [lengthAnswer("up", "Keep-Alive: timeout=2\r\n"), 3],
    [lengthAnswer("up", "Connection: close\r\n"), 3],
    [`${lengthAnswer("up")}more`, 3],
    [lengthAnswer("up").replace("1.1", "1.0"), 3],
  ];
  for (const [answer, connections] of answers) {
    const server = await serve((socket) => void socket.write(answer));
    const fetcher = fetcherOf(server.address, { frequencyMs: 2000 });
    for (let round = 0; round < 3; round++) assert.equal(textOf(await fetcher.fetch()), "up");
    assert.equal(server.accepted(), connections, answer);
  }
});

test("a target scraped seldom gets no connection to keep", async () => {
  const requests: string[] = [];
  const server = await serve((socket, request) => {
    requests.push(request);
    socket.write(lengthAnswer("up"));
  });
  const fetcher = fetcherOf(server.address, { frequencyMs: 3_600_000 });
  for (let round = 0; round < 2; round++) assert.equal(textOf(await fetcher.fetch()), "up");
  assert.equal(server.accepted(), 2);
  assert.match(requests[0] ?? "", /\r\nconnection: close\r\n/);
});

test("a request is not repeated once anything of an answer has come", async () => {
  let requests = 0;
  const server = await serve((socket) => {
    requests++;
    if (requests === 1) socket.write(lengthAnswer("up"));
    else socket.end("HTTP");
  });
  const fetcher = fetcherOf(server.address);
  assert.equal(textOf(await fetcher.fetch()), "up");
  const outcome = await fetcher.fetch();
  assert.equal(outcome.ok ? "" : outcome.reason, "connection closed before the response was complete");
  assert.equal(requests, 2);
});

test("what comes while nothing is asked for closes the connection", async () => {
  const closed = Promise.withResolvers<void>();
  const server = await serve((socket) => {
    socket.once("close", () => closed.resolve());
    socket.write(lengthAnswer("up"));
    setTimeout(() => socket.write("HTTP/1.1 200 OK\r\n\r\n"), 10);
  });
  const fetcher = fetcherOf(server.address);
  assert.equal(textOf(await fetcher.fetch()), "up");
  await closed.promise;
  assert.equal(textOf(await fetcher.fetch()), "up");
  assert.equal(server.accepted(), 2);
});

test("the address that is connected is checked, behind a name too", async () => {
  const server = await serve((socket) => void socket.write(lengthAnswer("up")));
  const port = server.address.split(":")[1] ?? "";
  const access = { ...defaultAccess, addresses: new AddressRules({ allow: [], deny: ["127.0.0.0/8", "::1"] }) };
  const refused = async (address: string, by: ScrapeAccess) => {
    const outcome = await fetcherOf(address, { access: by }).fetch();
    assert.ok(!outcome.ok && outcome.refused === "address");
    return outcome.reason;
  };
  assert.equal(await refused(server.address, access), "127.0.0.1 is denied by the operator (--deny-targets)");
  assert.match(
    await refused(`localhost:${port}`, access),
    /^localhost leads to an address: .* is denied by the operator/,
  );
  assert.match(await refused("169.254.169.254:80", defaultAccess), /link-local/);
  assert.equal(server.accepted(), 0);
  assert.equal(textOf(await fetcherOf(`localhost:${port}`).fetch()), "up");
});

test("an IPv6 address is reached", async (t) => {
  const server = net.createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", () => void socket.end(lengthAnswer("up", "Connection: close\r\n")));
  });
  const bound = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(0, "::1", () => resolve(true));
  });
  if (!bound) {
    t.diagnostic("this machine has no IPv6");
    return;
  }
  opened.push(server);
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  assert.equal(textOf(await fetcherOf(`[::1]:${address.port}`).fetch()), "up");
});

function gzipAnswer(body: string): string {
  return lengthAnswer(gzipSync(body).toString("latin1"), "Content-Encoding: gzip\r\n");
}
