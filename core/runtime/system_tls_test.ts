import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Agent, fetch } from "undici";
import {
  type ClientTls,
  type Connection,
  type Listener,
  ListenError,
  type PeerIdentity,
  type ServerTls,
} from "./env.ts";
import { serveHttp } from "./http.ts";
import { systemNetwork } from "./system_net.ts";
import { makeCa } from "./testing/certificates.ts";

const loopback = { host: "127.0.0.1", port: 0 };
const ca = makeCa();
const stranger = makeCa("somebody else");
const server = ca.issue({ names: ["exporter.test"], ips: ["127.0.0.1"] });
const client = ca.issue({ names: ["collector.test"], uris: ["bcs-metric://C1/shop", 'x", URI:y'], client: true });

/** Echoes, and keeps who connected. */
async function listen(
  context: TestContext,
  tls: ServerTls,
): Promise<{ listener: Listener; peers: (PeerIdentity | null)[] }> {
  const peers: (PeerIdentity | null)[] = [];
  const listener = await systemNetwork.listen(loopback, (connection) => {
    peers.push(connection.peer);
    return { data: (bytes) => void connection.write(bytes.slice()), close() {} };
  }, tls);
  context.after(() => listener.close());
  return { listener, peers };
}

/** What the server answers, or the error that ended the connection. */
function ping(listener: Listener, tls?: ClientTls): Promise<string> {
  return new Promise((resolve) => {
    const connection: Connection = systemNetwork.connect(listener.address, {
      open: () => void connection.write(new TextEncoder().encode("ping, longer than a TLS record header")),
      data(bytes) {
        resolve(new TextDecoder().decode(bytes).slice(0, 4));
        connection.destroy();
      },
      close: (error) => resolve(`closed: ${error?.message ?? "no error"}`),
    }, tls);
  });
}

test("TLS carries bytes to a server whose name and CA are right, and to no other", async (context) => {
  const { listener, peers } = await listen(context, server);
  assert.equal(await ping(listener, { ca: ca.cert }), "ping");
  assert.equal(await ping(listener, { ca: ca.cert, serverName: "exporter.test" }), "ping");
  assert.deepEqual(peers, [null, null]);
  assert.match(await ping(listener, { ca: ca.cert, serverName: "other.test" }), /closed: .*altnames/);
  assert.match(await ping(listener, { ca: stranger.cert }), /closed: .*verify/);
  assert.match(await ping(listener, {}), /closed: .*verify/);
  assert.notEqual(await ping(listener), "ping", "without TLS");
});

test("an expired certificate is refused", async (context) => {
  const { listener } = await listen(context, ca.issue({ ips: ["127.0.0.1"], expired: true }));
  assert.match(await ping(listener, { ca: ca.cert }), /closed: .*(expired|verify)/);
});

test("mutual TLS tells the server who connected, and turns others away", async (context) => {
  const { listener, peers } = await listen(context, { ...server, clientCa: ca.cert });
  assert.equal(await ping(listener, { ca: ca.cert, ...client }), "ping");
  assert.deepEqual(peers, [{ names: ["collector.test"], uris: ["bcs-metric://C1/shop", 'x", URI:y'] }]);
  assert.match(await ping(listener, { ca: ca.cert }), /closed: /);
  assert.match(await ping(listener, { ca: ca.cert, ...stranger.issue({ names: ["a"], client: true }) }), /closed: /);
  assert.match(
    await ping(listener, { ca: ca.cert, ...ca.issue({ names: ["a"], client: true, expired: true }) }),
    /closed: /,
  );
  assert.equal(peers.length, 1);
});

test("a renewed certificate is shown to new connections while open ones stay", async (context) => {
  const { listener } = await listen(context, server);
  const opened = Promise.withResolvers<void>();
  const echoed = Promise.withResolvers<string>();
  const early = systemNetwork.connect(listener.address, {
    open: () => opened.resolve(),
    data: (bytes) => echoed.resolve(new TextDecoder().decode(bytes)),
    close: () => echoed.resolve("closed"),
  }, { ca: ca.cert });
  await opened.promise;
  listener.renewTls(ca.issue({ names: ["renewed.test"] }));
  assert.equal(await ping(listener, { ca: ca.cert, serverName: "renewed.test" }), "ping");
  assert.match(await ping(listener, { ca: ca.cert, serverName: "exporter.test" }), /closed: .*altnames/);
  assert.throws(() => listener.renewTls({ cert: server.cert, key: client.key }), /the key is not that/);
  assert.equal(await ping(listener, { ca: ca.cert, serverName: "renewed.test" }), "ping");
  early.write(new TextEncoder().encode("still here"));
  assert.equal(await echoed.promise, "still here");
  early.destroy();
});

test("a certificate and key that do not belong together cannot be listened with", async () => {
  const listening = systemNetwork.listen(loopback, () => ({ data() {}, close() {} }), {
    cert: server.cert,
    key: client.key,
  });
  await assert.rejects(listening, (error) => error instanceof ListenError && /the key is not that/.test(error.message));
  await assert.rejects(serveHttp(loopback, () => new Response(""), { cert: "no PEM", key: "" }), ListenError);
});

test("HTTPS asks for client certificates, tells the handler who asks, and renews its own", async (context) => {
  const listener = await serveHttp(loopback, async (request, bindings) => {
    return Response.json({ path: new URL(request.url).pathname, body: await request.text(), peer: bindings?.peer });
  }, { ...server, clientCa: ca.cert });
  context.after(() => listener.close());
  const ask = async (connect: object) => {
    const dispatcher = new Agent({ connect: { ca: ca.cert, ...connect } });
    try {
      const url = `https://127.0.0.1:${listener.address.port}/path`;
      return await (await fetch(url, { dispatcher, method: "POST", body: "body" })).json();
    } finally {
      await dispatcher.close();
    }
  };
  const answer = await ask(client) as { peer: PeerIdentity };
  assert.deepEqual(answer, {
    path: "/path",
    body: "body",
    peer: { names: ["collector.test"], uris: answer.peer.uris },
  });
  assert.equal(answer.peer.uris[0], "bcs-metric://C1/shop");
  await assert.rejects(ask({}));
  listener.renewTls({ ...ca.issue({ names: ["renewed.test"] }), clientCa: ca.cert });
  await assert.rejects(ask(client), "the address is not in the new certificate");
  assert.ok(await ask({ ...client, servername: "renewed.test" }));
});
