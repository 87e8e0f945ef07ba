import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { decodeHello } from "../../core/protocol/session.ts";
import type { ClientTls, ServerTls } from "../../core/runtime/env.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeCa } from "../../core/runtime/testing/certificates.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { fixedAddress, type Sender, startSender } from "./mod.ts";
import { identity } from "./testing/driver.ts";
import { ModelExporter } from "./testing/model_exporter.ts";
import { listenLoopback, modelHandlers, type ModelListener } from "./testing/model_listener.ts";
import { opaqueRecord } from "./testing/records.ts";

const ca = makeCa();
const otherCa = makeCa("another CA");
const server = ca.issue({ ips: ["127.0.0.1"], names: ["exporter.test"] });
const longMs = 100_000;

class NotingExporter extends ModelExporter {
  readonly tokens: string[] = [];

  override receive(...[frame, send]: Parameters<ModelExporter["receive"]>): void {
    if (frame.type === FrameType.hello) this.tokens.push(decodeHello(frame.body).token);
    super.receive(frame, send);
  }
}

interface Bench {
  readonly sender: Sender;
  readonly exporter: NotingExporter;
  readonly listener: ModelListener;
  /** How often no session came about. */
  readonly failures: () => number;
  /** Resolves when it did not once more. */
  readonly failed: () => Promise<void>;
}

/** A sender to an exporter with TLS, which asks `client` for each connection, as it asks `token`. */
async function start(
  context: TestContext,
  tls: ServerTls | undefined,
  client: () => ClientTls | undefined,
  token: () => string = () => "t",
): Promise<Bench> {
  const exporter = new NotingExporter("exporter-0", 1_000_000);
  const listener = await listenLoopback((connection) => modelHandlers(exporter, connection), tls);
  let failures = 0;
  let onFailure = () => {};
  const log = makeLogger("test", "warn", {
    write() {
      failures++;
      onFailure();
    },
  });
  const addresses = fixedAddress(listener.address);
  const metrics = new Registry();
  const sender = startSender({ identity, epoch: 7n, token, tls: client, addresses, env: systemEnv, log, metrics });
  context.after(async () => {
    await sender.close();
    await listener.close();
  });
  const failed = () => new Promise<void>((resolve) => onFailure = resolve);
  return { sender, exporter, listener, failures: () => failures, failed };
}

test("with TLS what is pushed arrives at an exporter whose certificate is trusted, and at no other", async (context) => {
  let trusted = otherCa.cert;
  const { sender, exporter, failed, failures } = await start(context, server, () => ({ ca: trusted }));
  sender.push(opaqueRecord(1));
  await failed();
  assert.equal(exporter.tokens.length, 0, "the token is not shown to somebody unknown");
  trusted = ca.cert;
  assert.equal(await sender.flush(longMs), true);
  assert.equal(exporter.durable.length, 1);
  assert.ok(failures() >= 1);
});

test("the certificate must hold the name that is asked for", async (context) => {
  let serverName = "another.test";
  const { sender, exporter, failed } = await start(context, server, () => ({ ca: ca.cert, serverName }));
  sender.push(opaqueRecord(1));
  await failed();
  assert.equal(exporter.tokens.length, 0);
  serverName = "exporter.test";
  assert.equal(await sender.flush(longMs), true);
});

test("an exporter that asks for a certificate is shown one", async (context) => {
  const uri = `bcs-metric://${identity.cluster}/${identity.namespace}`;
  let own: { cert?: string; key?: string } = {};
  const tls = { ...server, clientCa: ca.cert };
  const { sender, exporter, listener, failed } = await start(context, tls, () => ({ ca: ca.cert, ...own }));
  sender.push(opaqueRecord(1));
  await failed();
  own = otherCa.issue({ client: true, uris: [uri] });
  await failed();
  assert.equal(exporter.durable.length, 0, "a certificate of another CA does not do");
  own = ca.issue({ client: true, uris: [uri] });
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(listener.connections.at(-1)?.peer?.uris, [uri]);
});

test("without TLS nothing is sent to an exporter that asks for it", async (context) => {
  const { sender, exporter, failed } = await start(context, server, () => undefined);
  sender.push(opaqueRecord(1));
  await failed();
  assert.equal(exporter.tokens.length, 0);
});

test("renewed certificates leave the session as it is, and count from the next one on", async (context) => {
  const tls = { ...server, clientCa: ca.cert };
  const client = (name: string) => ({ ca: ca.cert + otherCa.cert, ...ca.issue({ client: true, uris: [name] }) });
  let own = client("bcs-metric://c1/before");
  const { sender, exporter, listener, failed } = await start(context, tls, () => own);
  sender.push(opaqueRecord(1));
  assert.equal(await sender.flush(longMs), true);
  listener.renewTls({ ...otherCa.issue({ ips: ["127.0.0.1"] }), clientCa: ca.cert });
  own = client("bcs-metric://c1/after");
  sender.push(opaqueRecord(2));
  assert.equal(await sender.flush(longMs), true);
  assert.equal(listener.connections.length, 1, "nothing was dropped");
  exporter.disconnect();
  const ended = failed();
  listener.connections[0]?.destroy();
  await ended;
  sender.push(opaqueRecord(3));
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(listener.connections.at(-1)?.peer?.uris, ["bcs-metric://c1/after"]);
  assert.equal(exporter.durable.length, 3);
});

test("the token is asked for anew for each connection", async (context) => {
  let token = "before";
  const { sender, exporter, listener } = await start(context, undefined, () => undefined, () => token);
  sender.push(opaqueRecord(1));
  assert.equal(await sender.flush(longMs), true);
  token = "after";
  exporter.disconnect();
  listener.connections[0]?.destroy();
  sender.push(opaqueRecord(2));
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(exporter.tokens, ["before", "after"]);
});
