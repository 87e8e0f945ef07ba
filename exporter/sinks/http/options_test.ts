import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer as createPlain, type IncomingHttpHeaders, type Server } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, suite, test } from "node:test";
import { z } from "zod";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { type KeyPair, makeCa } from "../../../core/runtime/testing/certificates.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import {
  type HttpClient,
  httpShape,
  oneCredential,
  openHttpClient,
  RequestFailedError,
  type Variables,
} from "./mod.ts";

const schema = z.strictObject(httpShape("http://127.0.0.1:1/x", ["content-type"])).refine(...oneCredential);
const never = new AbortController().signal;
const ca = makeCa();
const server = ca.issue({ names: ["metrics.test"], ips: ["127.0.0.1"] });

/** Serves with 204 and remembers the headers and the client's certificate. */
class Destination {
  readonly headers: IncomingHttpHeaders[] = [];
  readonly clients: string[] = [];
  readonly #server: Server;

  constructor(tls: KeyPair | null, clientCa?: string) {
    const options = { ...tls, ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true }) };
    this.#server = tls === null ? createPlain() : createServer(options);
    this.#server.on("request", (request, response) => {
      this.headers.push(request.headers);
      const { socket } = request as unknown as { socket: { getPeerCertificate?(): { serialNumber?: string } } };
      this.clients.push(socket.getPeerCertificate?.().serialNumber ?? "");
      request.resume();
      request.on("end", () => response.writeHead(204).end());
    });
  }

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

suite("a client from its configuration", () => {
  let folder: string;
  let logged: string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "bcs-metric-http-"));
    await put("ca.pem", ca.cert);
  });

  beforeEach(() => {
    logged = [];
  });

  after(() => rm(folder, { recursive: true }));

  /** Replaces a file at once. */
  async function put(name: string, text: string): Promise<void> {
    await writeFile(join(folder, `${name}.new`), text);
    await rename(join(folder, `${name}.new`), join(folder, name));
  }

  async function open(
    config: Readonly<Record<string, unknown>>,
    variables: Variables = {},
    monotonicMs?: () => number,
  ) {
    const clock = { ...systemEnv.clock, ...(monotonicMs === undefined ? {} : { monotonicMs }) };
    const log = makeLogger("test", "debug", { write: (line) => void logged.push(line) });
    const context = { env: { clock, fs: systemEnv.fs }, variables, configDir: folder, log };
    return await openHttpClient(schema.parse(config), context, { "content-type": "x/y" });
  }

  async function post(client: HttpClient): Promise<number> {
    return (await client.post({ body: new Uint8Array([1]) }, never)).status;
  }

  async function failure(client: HttpClient): Promise<RequestFailedError> {
    try {
      await client.post({ body: new Uint8Array() }, never);
    } catch (error) {
      assert.ok(error instanceof RequestFailedError, String(error));
      return error;
    }
    throw new Error("the request went well");
  }

  test("secrets come from variables and files, and a file that changes is read again", async () => {
    await put("token", "first\n");
    await using cleanup = new AsyncDisposableStack();
    const destination = await new Destination(null).listen();
    cleanup.defer(() => destination.close());
    let nowMs = 0;
    const url = `http://127.0.0.1:${destination.port}/`;
    const config = { url, bearerToken: "file:token", headers: { a: "env:A", b: "plain" } };
    const client = await open(config, { A: "canary" }, () => nowMs);
    cleanup.defer(() => client.close());
    await post(client);
    await put("token", "second");
    nowMs += 1000;
    await post(client);
    await rm(join(folder, "token"));
    nowMs += 1000;
    const error = await failure(client);
    assert.ok(error.alarm);
    assert.match(error.message, /secret file "token" cannot be read/);
    const sent = destination.headers.map((headers) => [headers.authorization, headers["a"], headers["b"]]);
    assert.deepEqual(sent, [["Bearer first", "canary", "plain"], ["Bearer second", "canary", "plain"]]);
    assert.equal(destination.headers[0]?.["content-type"], "x/y");
  });

  test("what cannot be used is told, by the place and never by the content", async () => {
    await put("broken", "canary\nline");
    await put("empty", "");
    async function check(config: Readonly<Record<string, unknown>>, want: RegExp) {
      await assert.rejects(
        () => open({ url: "http://127.0.0.1:1/", ...config }, { BROKEN: "canary\n" }),
        (error: Error) => want.test(error.message) && !error.message.includes("canary"),
        String(want),
      );
    }
    await check({ bearerToken: "file:missing" }, /secret file "missing" cannot be read/);
    await check({ bearerToken: "file:broken" }, /secret file "broken" has a line break/);
    await check({ bearerToken: "file:empty" }, /secret file "empty" is empty/);
    await check({ bearerToken: "env:NONE" }, /environment variable "NONE" is not set/);
    await check({ headers: { a: "env:BROKEN" } }, /environment variable "BROKEN" has a line break/);
    await check({ tls: { ca: "missing.pem" } }, /Cannot read PEM file/);
    await check({ tls: { cert: "ca.pem" } }, /cert and key belong together/);
    await check({ proxy: "socks5://x" }, /must be an address such as/);
  });

  test("a destination is trusted by the given CA, under the given name", async () => {
    await using cleanup = new AsyncDisposableStack();
    const destination = await new Destination(ca.issue({ names: ["metrics.test"] })).listen();
    cleanup.defer(() => destination.close());
    const url = `https://127.0.0.1:${destination.port}/`;
    const named = await open({ url, tls: { ca: "ca.pem", serverName: "metrics.test" } });
    cleanup.defer(() => named.close());
    assert.equal(await post(named), 204);
    for (const tls of [undefined, { ca: "ca.pem" }, { ca: "ca.pem", serverName: "other.test" }]) {
      const client = await open({ url, tls });
      cleanup.defer(() => client.close());
      assert.ok((await failure(client)).alarm, JSON.stringify(tls));
    }
    assert.equal(destination.headers.length, 1);
  });

  test("a certificate of one's own is shown, and its successor when the files change; a bad pair changes nothing", async () => {
    await using cleanup = new AsyncDisposableStack();
    const destination = await new Destination(server, ca.cert).listen();
    cleanup.defer(() => destination.close());
    const [first, second] = [ca.issue({ client: true }), ca.issue({ client: true })];
    await put("own.pem", first.cert);
    await put("own.key", first.key);
    const tls = { ca: "ca.pem", cert: "own.pem", key: "own.key" };
    const client = await open({ url: `https://127.0.0.1:${destination.port}/`, tls });
    cleanup.defer(() => client.close());
    await post(client);
    await put("own.pem", second.cert);
    await until(() => logged.some((line) => line.includes("certificates stay as they were")));
    await post(client);
    await put("own.key", second.key);
    await until(() => logged.some((line) => line.includes("certificates renewed")));
    await post(client);
    const [one, same, other] = destination.clients;
    assert.ok(one !== "" && one === same && other !== "" && other !== one, destination.clients.join(" "));
  });

  test("a proxy is asked for a tunnel, and does not see the credentials", async () => {
    await using cleanup = new AsyncDisposableStack();
    const destination = await new Destination(server).listen();
    cleanup.defer(() => destination.close());
    const asked: string[] = [];
    const proxy = await startProxy(asked);
    cleanup.defer(() => proxy.close());
    const url = `https://127.0.0.1:${destination.port}/`;
    const config = { url, proxy: `http://127.0.0.1:${proxy.port}`, tls: { ca: "ca.pem" }, bearerToken: "env:T" };
    const client = await open(config, { T: "canary" });
    cleanup.defer(() => client.close());
    assert.equal(await post(client), 204);
    assert.equal(destination.headers[0]?.authorization, "Bearer canary");
    assert.deepEqual(asked.map((text) => text.split(" ", 2)), [["CONNECT", `127.0.0.1:${destination.port}`]]);
    assert.ok(!asked.join("").includes("canary"));
  });
});

/** Polls for what the client does by itself, once a second. */
async function until(holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("Cannot see what was waited for");
}

/** Joins each client with the destination that it asks for; `asked` gets what it says first. */
async function startProxy(asked: string[]): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const proxy = createPlain();
  proxy.on("connect", (request, socket: Socket) => {
    asked.push(`CONNECT ${request.url} ${JSON.stringify(request.headers)}`);
    const upstream = connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(upstream).pipe(socket);
    });
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.on("error", () => one.destroy());
      one.on("close", () => upstream.destroy());
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    port: (proxy.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        proxy.close(() => resolve());
      }),
  };
}
