import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, ListenError } from "./env.ts";
import { serveHttp } from "./http.ts";
import { formatAddress, parseAddress, systemNetwork } from "./system_net.ts";

const loopback = { host: "127.0.0.1", port: 0 };

test("bytes travel both ways and each side learns of the end once", async () => {
  const ended = { server: Promise.withResolvers<void>(), client: Promise.withResolvers<void>() };
  let ends = 0;
  const listener = await systemNetwork.listen(loopback, (connection) => ({
    data: (bytes) => void connection.write(bytes.slice()),
    close() {
      ends++;
      ended.server.resolve();
    },
  }));
  const received = await new Promise<string>((resolve) => {
    const connection: Connection = systemNetwork.connect(listener.address, {
      open: () => void connection.write(new TextEncoder().encode("ping")),
      data(bytes) {
        connection.end();
        resolve(new TextDecoder().decode(bytes));
      },
      close() {
        ends++;
        ended.client.resolve();
      },
    });
  });
  assert.equal(received, "ping");
  await Promise.all([ended.server.promise, ended.client.promise]);
  await listener.close();
  assert.equal(ends, 2);
});

test("a refused connection ends with its error", async () => {
  const listener = await systemNetwork.listen(loopback, () => ({ data() {}, close() {} }));
  await listener.close();
  const error = await new Promise<Error | null>((resolve) => {
    systemNetwork.connect(listener.address, { data() {}, close: resolve });
  });
  assert.match(String(error), /ECONNREFUSED/);
});

test("a port in use is one line that says what to do, for TCP and HTTP", async () => {
  const listener = await systemNetwork.listen(loopback, () => ({ data() {}, close() {} }));
  const { port } = listener.address;
  const message =
    `Cannot listen on 127.0.0.1:${port}: the port is in use; stop what listens there or choose another port`;
  const refused = (error: unknown) => error instanceof ListenError && error.message === message;
  await assert.rejects(systemNetwork.listen(listener.address, () => ({ data() {}, close() {} })), refused);
  await assert.rejects(serveHttp(listener.address, () => new Response("")), refused);
  await listener.close();
});

test("HTTP is served on a free port and released on close", async () => {
  const server = await serveHttp(loopback, (request) => new Response(new URL(request.url).pathname));
  const url = `http://127.0.0.1:${server.address.port}/path`;
  const answer = await fetch(url, { headers: { connection: "close" } });
  assert.equal(await answer.text(), "/path");
  await server.close();
  await assert.rejects(fetch(url));
});

test("addresses are read and written with brackets round IPv6", () => {
  assert.deepEqual(parseAddress("127.0.0.1:80"), { host: "127.0.0.1", port: 80 });
  assert.deepEqual(parseAddress("[::1]:80"), { host: "::1", port: 80 });
  assert.equal(formatAddress({ host: "::1", port: 80 }), "[::1]:80");
  for (const text of ["", "host", "host:", ":80", "host:65536", "::1:80", "a b:1", "host:-1"]) {
    assert.throws(() => parseAddress(text), RangeError, text);
  }
});
