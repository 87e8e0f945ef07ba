import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { encodeFrame, FrameType } from "../../core/protocol/frame.ts";
import { encodeSessionError, SessionErrorCode } from "../../core/protocol/session.ts";
import type { Clock, ConnectionHandlers } from "../../core/runtime/env.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { type AddressSource, fixedAddress, type Sender, startSender } from "./mod.ts";
import { identity } from "./testing/driver.ts";
import { ModelExporter } from "./testing/model_exporter.ts";
import { listenLoopback, modelHandlers, type ModelListener } from "./testing/model_listener.ts";
import { opaqueRecord, scrapeRecord, testLayout, testTarget } from "./testing/records.ts";

const target = testTarget("10.0.0.1:9100");
const layout = testLayout("app", 3);
const silent: ConnectionHandlers = { data() {}, close() {} };

/** A clock on which `factor` seconds pass in one, so that a minute of silence need not be waited for. */
function fastClock(factor: number): Clock {
  const { clock } = systemEnv;
  return {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs() * factor,
    after: (delayMs, run) => clock.after(delayMs / factor, run),
  };
}

interface TestSender {
  readonly sender: Sender;
  readonly metrics: Registry;
  readonly lines: readonly { msg: string; reason?: string }[];
}

/** A sender with a clock ten times as fast as ours, closed at the end of the test. */
function start(
  context: TestContext,
  addresses: AddressSource,
  options: { factor?: number; budgetBytes?: number } = {},
): TestSender {
  const metrics = new Registry();
  const lines: { msg: string; reason?: string }[] = [];
  const log = makeLogger("test", "info", { write: (line) => void lines.push(JSON.parse(line)) });
  const env = { ...systemEnv, clock: fastClock(options.factor ?? 10) };
  const { budgetBytes = 64 * 1024 * 1024 } = options;
  const sender = startSender({ identity, epoch: 7n, token: "t", addresses, env, log, metrics, budgetBytes });
  context.after(() => sender.close());
  return { sender, metrics, lines };
}

async function listen(context: TestContext, accept: Parameters<typeof listenLoopback>[0]): Promise<ModelListener> {
  const listener = await listenLoopback(accept);
  context.after(() => listener.close());
  return listener;
}

function times(exporter: ModelExporter): number[] {
  return exporter.durable.map((logged) => logged.kind === "data" ? logged.timestampMs : NaN);
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** As long as no test needs, on the sender's clock. */
const longMs = 100_000;

test("what is pushed arrives, is acknowledged and counted", async (context) => {
  const exporter = new ModelExporter("exporter-0", 1_000_000);
  const { address } = await listen(context, (connection) => modelHandlers(exporter, connection));
  const { sender, metrics } = start(context, fixedAddress(address));
  for (const time of upTo(50)) sender.push(scrapeRecord(time, target, layout));
  sender.push(opaqueRecord(51));
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(times(exporter), upTo(51));
  assert.deepEqual(sender.stats(), {
    connected: true,
    exporter: "exporter-0",
    unacknowledgedRecords: 0,
    onDiskRecords: 0,
    unacknowledgedBytes: 0,
    unacknowledgedSamples: 0,
    recoveredRecords: 0,
    madeRecords: 51,
    acknowledgedRecords: 51,
    acknowledgedSamples: 150,
    lostRecords: 0,
    lostSamples: 0,
    lostByReason: { "spool full": 0, "record too large": 0, "shape missing": 0, "spool damaged": 0 },
    disk: "none",
    diskBytes: 0,
    reconnects: 0,
  });
  const text = await metrics.metrics();
  assert.match(text, /^bcs_metric_collector_unacknowledged_records 0$/m);
  assert.match(text, /^bcs_metric_collector_unacknowledged_bytes 0$/m);
  assert.match(text, /^bcs_metric_collector_sent_frames_total 56$/m);
  assert.match(text, /^bcs_metric_collector_acknowledged_records_total 51$/m);
  assert.match(text, /^bcs_metric_collector_lost_records_total\{reason="spool full"\} 0$/m);
  assert.match(text, /^bcs_metric_collector_reconnects_total 0$/m);
});

test("a connection that is cut in mid-frame, again and again, loses nothing and doubles nothing", async (context) => {
  const exporter = new ModelExporter("exporter-0", 2_000);
  const { address } = await listen(
    context,
    (connection, index) => modelHandlers(exporter, connection, index < 8 ? 900 + index * 37 : Infinity),
  );
  const { sender, lines } = start(context, fixedAddress(address));
  for (const time of upTo(100)) sender.push(scrapeRecord(time, target, layout));
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(times(exporter), upTo(100));
  assert.equal(sender.stats().reconnects, 8);
  assert.equal(lines.filter(({ msg }) => msg === "session with exporter ended").length, 8);
});

test("an exporter that falls silent is left for a new connection", async (context) => {
  const exporter = new ModelExporter("exporter-0", 1_000_000);
  const { address } = await listen(
    context,
    (connection, index) => index === 0 ? silent : modelHandlers(exporter, connection, index === 1 ? 500 : Infinity),
  );
  const { sender, lines } = start(context, fixedAddress(address), { factor: 200 });
  sender.push(scrapeRecord(1, target, layout));
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(lines.find(({ msg }) => msg === "cannot reach exporter")?.reason, "no WELCOME");
});

test("a draining exporter is left for another", async (context) => {
  const exporter = new ModelExporter("exporter-1", 1_000_000);
  const message = encodeSessionError({ code: SessionErrorCode.draining, message: "shutting down" });
  const draining = await listen(context, (connection) => ({
    data() {
      connection.write(encodeFrame({ type: FrameType.error, id: 0n, timestampNs: 0n, body: message }));
      connection.end();
    },
    close() {},
  }));
  const healthy = await listen(context, (connection) => modelHandlers(exporter, connection));
  const addresses = [{ address: draining.address, load: 0 }, { address: healthy.address, load: 9 }];
  const { sender, lines } = start(context, {
    subscribe(onChange) {
      onChange(addresses);
      return () => {};
    },
  });
  sender.push(scrapeRecord(1, target, layout));
  assert.equal(await sender.flush(longMs), true);
  assert.equal(
    lines.find(({ msg }) => msg === "cannot reach exporter")?.reason,
    "exporter says: shutting down (code 4)",
  );
  assert.equal(sender.stats().exporter, "exporter-1");
});

test("a peer that is no exporter, and an address that is none, are given up", async (context) => {
  const exporter = new ModelExporter("exporter-0", 1_000_000);
  const { address } = await listen(
    context,
    (connection, index) =>
      index > 0 ? modelHandlers(exporter, connection) : {
        data: () => void connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n".padEnd(64))),
        close() {},
      },
  );
  const { sender, lines } = start(context, {
    subscribe(onChange) {
      onChange([{ address: "nonsense", load: 0 }]);
      onChange([{ address, load: 0 }]);
      return () => {};
    },
  });
  sender.push(scrapeRecord(1, target, layout));
  assert.equal(await sender.flush(longMs), true);
  const reasons = lines.filter(({ msg }) => msg === "cannot reach exporter").map(({ reason }) => reason ?? "");
  assert.match(reasons[0] ?? "", /Cannot read address "nonsense"/);
  assert.match(reasons[1] ?? "", /bad magic/);
});

test("more than the socket takes at once arrives whole", async (context) => {
  const exporter = new ModelExporter("exporter-0", 64_000_000);
  const { address } = await listen(context, (connection) => modelHandlers(exporter, connection));
  const { sender } = start(context, fixedAddress(address));
  for (const time of upTo(40)) sender.push(opaqueRecord(time, 300_000));
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(times(exporter), upTo(40));
});

test("records are held while there is no exporter, and lost beyond the budget", async (context) => {
  const { sender, metrics, lines } = start(context, { subscribe: () => () => {} }, { budgetBytes: 10_000 });
  for (const time of upTo(100)) sender.push(opaqueRecord(time, 100));
  const { unacknowledgedRecords, lostRecords, unacknowledgedBytes } = sender.stats();
  assert.equal(unacknowledgedRecords + lostRecords, 100);
  assert.ok(lostRecords > 50 && unacknowledgedRecords > 10 && unacknowledgedBytes <= 10_000);
  const text = await metrics.metrics();
  assert.ok(text.includes(`bcs_metric_collector_lost_records_total{reason="spool full"} ${lostRecords}\n`));
  assert.equal(lines.filter(({ msg }) => msg === "records are being lost").length, 1);
});

test("flush gives up after its time, and at the end of the sender", async (context) => {
  const { sender, lines } = start(context, { subscribe: () => () => {} });
  assert.equal(await sender.flush(1), true, "there is nothing to wait for");
  sender.push(opaqueRecord(1));
  assert.equal(await sender.flush(1), false);
  const flushed = sender.flush(longMs);
  await Promise.all([sender.close(), sender.close()]);
  assert.equal(await flushed, false);
  assert.equal(await sender.flush(longMs), false);
  assert.equal(lines.at(-1)?.msg, "closing the sender with unacknowledged records");
});

test("closing ends the connection and the subscription", async (context) => {
  const ended = Promise.withResolvers<void>();
  const welcomed = Promise.withResolvers<void>();
  const exporter = new ModelExporter("exporter-0", 1_000_000);
  const { address } = await listen(context, (connection) => {
    const handlers = modelHandlers(exporter, connection);
    return {
      data(bytes) {
        handlers.data(bytes);
        welcomed.resolve();
      },
      close: () => ended.resolve(),
    };
  });
  let subscribed = true;
  const { sender } = start(context, {
    subscribe(onChange) {
      onChange([{ address, load: 0 }]);
      return () => subscribed = false;
    },
  });
  await welcomed.promise;
  await sender.close();
  await ended.promise;
  assert.equal(subscribed, false);
});

test("an address source that fails is asked again", async (context) => {
  const exporter = new ModelExporter("exporter-0", 1_000_000);
  const { address } = await listen(context, (connection) => modelHandlers(exporter, connection));
  let calls = 0;
  const { sender, lines } = start(context, {
    subscribe(onChange, onFailure) {
      if (++calls === 1) onFailure?.(new Error("the volume is gone"));
      else onChange([{ address, load: 0 }]);
      return () => {};
    },
  }, { factor: 200 });
  sender.push(opaqueRecord(1));
  assert.equal(await sender.flush(longMs), true);
  assert.equal(lines[0]?.msg, "cannot watch the addresses of exporters");
});
