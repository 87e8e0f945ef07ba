/** However slow all exporters are, the collector's memory and disk stay within their budgets. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { encodeFrame } from "../../core/protocol/frame.ts";
import { FrameReader } from "../../core/protocol/frame_reader.ts";
import type { Connection, ConnectionHandlers } from "../../core/runtime/env.ts";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { Registry } from "../../core/telemetry/metrics.ts";
import { openDisk, type Sender, type SenderOptions, startSender } from "./mod.ts";
import { Driver, identity } from "./testing/driver.ts";
import { ModelExporter } from "./testing/model_exporter.ts";
import { listenLoopback } from "./testing/model_listener.ts";
import { opaqueRecord } from "./testing/records.ts";

const budgetBytes = 400_000;
const diskBytes = 2_000_000;
const recordBytes = 2_000;
/** A loss or two, and a record. */
const slackBytes = 5_000;

/** Takes what comes, and makes it durable only when `fsync` is called. */
function slowHandlers(exporter: ModelExporter, connection: Connection): ConnectionHandlers {
  const reader = new FrameReader();
  return {
    data(bytes) {
      reader.push(bytes, (frame) =>
        exporter.receive(frame, (type, id, body = new Uint8Array(0)) => {
          connection.write(encodeFrame({ type, id: BigInt(id), timestampNs: 0n, body }));
        }));
    },
    close() {},
  };
}

async function start(context: TestContext, changes: Partial<SenderOptions>) {
  const exporters = [new ModelExporter("exporter-0", 30_000), new ModelExporter("exporter-1", 30_000)];
  const listeners = await Promise.all(
    exporters.map((exporter) => listenLoopback((connection) => slowHandlers(exporter, connection))),
  );
  const list = listeners.map(({ address }) => ({ address, load: 0 }));
  const addresses: SenderOptions["addresses"] = {
    subscribe(onChange) {
      onChange(list);
      return () => {};
    },
  };
  const log = makeLogger("test", "silent");
  const metrics = new Registry();
  const sender = startSender({
    identity,
    epoch: 1n,
    token: "",
    addresses,
    env: systemEnv,
    log,
    metrics,
    budgetBytes,
    ...changes,
  });
  context.after(async () => {
    await sender.close();
    for (const listener of listeners) await listener.close();
  });
  return { sender, exporters };
}

/** Makes ten times what memory and disk hold, while the exporters take a little of it now and then. */
async function overwhelm(sender: Sender, exporters: readonly ModelExporter[], held: () => number): Promise<number> {
  let most = 0;
  const records = 10 * (budgetBytes + diskBytes) / recordBytes;
  for (let time = 1; time <= records; time++) {
    sender.push(opaqueRecord(time, recordBytes));
    most = Math.max(most, held());
    if (time % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (time % 200 === 0) { for (const exporter of exporters) exporter.fsync(true); }
  }
  return most;
}

function checkBooks(sender: Sender): void {
  const { madeRecords, acknowledgedRecords, lostRecords, unacknowledgedRecords } = sender.stats();
  assert.equal(madeRecords, acknowledgedRecords + lostRecords + unacknowledgedRecords);
  assert.ok(acknowledgedRecords > 100, `${acknowledgedRecords} were acknowledged`);
  assert.ok(lostRecords > madeRecords / 2, `${lostRecords} of ${madeRecords} were lost`);
}

test("memory stays within its budget when all exporters are slow", async (context) => {
  const { sender, exporters } = await start(context, {});
  const most = await overwhelm(sender, exporters, () => sender.stats().unacknowledgedBytes);
  assert.ok(most <= budgetBytes + slackBytes, `${most} bytes were held`);
  checkBooks(sender);
});

test("with a disk, memory and disk stay within their budgets when all exporters are slow", async (context) => {
  const fs = new MemoryFileSystem();
  const disk = await openDisk(fs, "/spool", diskBytes);
  const { sender, exporters } = await start(context, { disk });
  let mostDisk = 0;
  const most = await overwhelm(sender, exporters, () => {
    mostDisk = Math.max(mostDisk, fs.usedBytes());
    return sender.stats().unacknowledgedBytes;
  });
  // What was just read back comes on top.
  assert.ok(most <= budgetBytes * 1.125 + slackBytes, `${most} bytes were held in memory`);
  // One commit may be under way when the limit is reached.
  assert.ok(mostDisk <= diskBytes + budgetBytes + disk.segmentBytes, `${mostDisk} bytes were held on disk`);
  assert.ok(mostDisk > diskBytes / 2, `${mostDisk} bytes were held on disk`);
  checkBooks(sender);
});

test("what waits in the connection is a write at most, however much is made", () => {
  const driver = new Driver({ budgetBytes: 4_000_000 });
  driver.addresses("e:1");
  driver.open(0, 8 * 1024 * 1024);
  driver.takesBytes = false;
  let writtenBytes = 0;
  for (let time = 1; time <= 10_000; time++) {
    driver.push(opaqueRecord(time, recordBytes));
    if (time % 100 === 0) driver.pass(20);
    for (const frame of driver.takeWrites().flat()) writtenBytes += frame.body.length;
    assert.ok(driver.state.spool.bytes <= 4_000_000 + slackBytes, `${driver.state.spool.bytes} bytes are held`);
  }
  assert.ok(writtenBytes > 0 && writtenBytes <= 256 * 1024 + recordBytes, `${writtenBytes} bytes were written`);
});
