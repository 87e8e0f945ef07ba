import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { FrameType } from "../../core/protocol/frame.ts";
import { decodeCredit, decodeSessionError, decodeWelcome, SessionErrorCode } from "../../core/protocol/session.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeCa } from "../../core/runtime/testing/certificates.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { makeAccess } from "../access/access.ts";
import { tokenAccess } from "../access/access_testing.ts";
import { TestClient } from "./client_testing.ts";
import { FakeWal } from "./fake_wal_testing.ts";
import { type Ingest, startIngest } from "./server.ts";
import { frame, helloFrame, scrapesFrame, shapeFrames } from "./session_testing.ts";
import { Wire } from "./wire_testing.ts";

const MiB = 1024 * 1024;

function codeOf(received: { type: number; body: Uint8Array } | undefined): number | null {
  return received?.type === FrameType.error ? decodeSessionError(received.body).code : null;
}

test("a token that is revoked cuts its open sessions and no other", async () => {
  const { access, tokens } = tokenAccess();
  tokens.set("other", { namespaces: ["c1/bank"] });
  const wire = await Wire.open({ access });
  const [shop, bank] = [wire.connect(), wire.connect()];
  shop.send(helloFrame({ token: "good" }), ...shapeFrames, scrapesFrame(1));
  bank.send(helloFrame({ token: "other", namespace: "bank" }));
  tokens.revoke("good");
  assert.equal(codeOf(shop.received.at(-1)), SessionErrorCode.unauthorized);
  assert.ok(shop.ended && !bank.ended);
  shop.send(scrapesFrame(2));
  assert.equal(wire.wal.records.length, 1);
});

test("a stranger gets no more room than HELLO takes, and is closed before anything is parsed", async () => {
  const wire = await Wire.open({ access: tokenAccess().access });
  const big = wire.connect();
  big.send(frame(FrameType.hello, 0, new Uint8Array(64 * 1024 + 1)));
  assert.ok(big.ended);
  const shapes = wire.connect();
  shapes.send(...shapeFrames);
  assert.ok(shapes.ended);
  assert.equal(wire.wal.shapes.missing("", "").length, 2);
  const known = wire.connect();
  known.send(helloFrame({ token: "good" }), ...shapeFrames);
  known.send(frame(FrameType.record, 7, new Uint8Array(1 * MiB)));
  assert.deepEqual([known.ended, wire.wal.records.length], [false, 1]);
});

test("windows are shares of one budget, which a log that is behind makes smaller", async () => {
  const wire = await Wire.open({ ingestBytes: 8 * MiB });
  const first = wire.connect();
  first.send(helloFrame());
  assert.equal(decodeWelcome(first.received[0]?.body ?? new Uint8Array(0)).windowBytes, 8 * MiB);
  const second = wire.connect();
  second.send(helloFrame({ name: "collector-1" }));
  const credits = () =>
    first.received.filter(({ type }) => type === FrameType.credit).map(({ body }) => decodeCredit(body) / MiB);
  assert.deepEqual(credits(), [4]);
  assert.equal(decodeWelcome(second.received[0]?.body ?? new Uint8Array(0)).windowBytes, 4 * MiB);
  wire.wal.accepts = false;
  wire.pass(3000);
  wire.wal.accepts = true;
  wire.wal.sync();
  wire.pass(10_000);
  const steps = credits();
  assert.ok(Math.min(...steps) <= 1, steps.join());
  assert.equal(steps.at(-1), 4);
});

test("1,000 collectors at once hold no more than the budget, beyond a frame each", async () => {
  const wire = await Wire.open({ ingestBytes: 1 * MiB });
  const record = frame(FrameType.record, 7, new Uint8Array(2000));
  const clients = Array.from({ length: 1000 }, (_, index) => {
    const client = wire.connect();
    client.send(helloFrame({ name: `collector-${index}` }));
    return client;
  });
  wire.pass(1000);
  // They care for no window: what is above it is not read from them.
  for (let round = 0; round < 20; round++) for (const client of clients) if (!client.paused) client.send(record);
  const { unacknowledgedBytes } = wire.ingest.stats();
  assert.ok(unacknowledgedBytes > 1 * MiB && unacknowledgedBytes <= 1 * MiB + 1000 * 2032, `${unacknowledgedBytes}`);
  wire.wal.sync();
  assert.equal(wire.ingest.stats().unacknowledgedBytes, 0);
  assert.ok(clients.every(({ paused }) => !paused));
});

async function start(context: TestContext, options: Pick<Parameters<typeof startIngest>[0], "access" | "tls">) {
  const wal = new FakeWal();
  const log = makeLogger("exporter", "silent");
  const address = { host: "127.0.0.1", port: 0 };
  const base = { env: systemEnv, log, metrics: new Registry(), wal, address, exporter: "exporter-0" };
  const ingest: Ingest = await startIngest({ ...base, ...options });
  context.after(async () => {
    wal.sync();
    await ingest.stop();
  });
  return { ingest, wal };
}

test("over mutual TLS the certificate decides for whom a collector may send", async (context) => {
  const ca = makeCa();
  const access = makeAccess({ tokens: null, clientCertificates: true, oldClients: false });
  const tls = { ...ca.issue({ ips: ["127.0.0.1"] }), clientCa: ca.cert };
  const { ingest, wal } = await start(context, { access, tls });
  const own = { ca: ca.cert, ...ca.issue({ uris: ["bcs-metric://c1/shop"], client: true }) };
  const shop = new TestClient(ingest.address, own);
  shop.send(helloFrame());
  assert.deepEqual(await shop.frames(1), ["welcome 0"]);
  shop.send(...shapeFrames, scrapesFrame(1));
  await wal.appended(1);
  // The renewed certificate is for those to come; this connection stays.
  ingest.renewTls({ ...ca.issue({ ips: ["127.0.0.1"] }), clientCa: ca.cert });
  wal.sync();
  assert.deepEqual(await shop.frames(2), ["welcome 0", "ack 1"]);
  const forged = new TestClient(ingest.address, own);
  forged.send(helloFrame({ namespace: "bank" }));
  await forged.closed;
  assert.equal(codeOf(forged.received.at(-1)), SessionErrorCode.unauthorized);
  const stranger = new TestClient(ingest.address, { ca: ca.cert });
  await stranger.closed;
  assert.deepEqual(stranger.received, []);
  shop.destroy();
});
