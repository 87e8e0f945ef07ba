/** What a disk may do to the spool, seen from the exporter: hang, fail to be read, and give back something else. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { FileSystemError, MemoryFileSystem } from "../../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../../core/runtime/system_env.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { Registry } from "../../../core/telemetry/metrics.ts";
import { type AddressSource, fixedAddress } from "../addresses.ts";
import { type Sender, startSender } from "../sender.ts";
import { identity } from "../testing/driver.ts";
import { ModelExporter } from "../testing/model_exporter.ts";
import { listenLoopback, modelHandlers } from "../testing/model_listener.ts";
import { opaqueRecord } from "../testing/records.ts";
import { segmentHeaderBytes } from "./format.ts";
import { openDisk } from "./keeper.ts";

const folder = "/data/spool";
const nobody: AddressSource = { subscribe: () => () => {} };
/** Fifty seconds pass in one. */
const factor = 50;
const clock = {
  wallMs: () => systemEnv.clock.wallMs(),
  monotonicMs: () => systemEnv.clock.monotonicMs() * factor,
  after: (delayMs: number, run: () => void) => systemEnv.clock.after(delayMs / factor, run),
};
const longMs = 400_000;

interface Started {
  readonly sender: Sender;
  readonly cutBytes: number;
  readonly messages: readonly string[];
}

async function start(
  context: TestContext,
  fs: MemoryFileSystem,
  epoch: bigint,
  addresses: AddressSource,
): Promise<Started> {
  const messages: string[] = [];
  const log = makeLogger("test", "info", { write: (line) => void messages.push(JSON.parse(line).msg) });
  const disk = await openDisk(fs, folder, 10_000_000);
  const env = { ...systemEnv, clock };
  const metrics = new Registry();
  const sender = startSender({
    identity,
    epoch,
    token: "",
    addresses,
    env,
    log,
    metrics,
    budgetBytes: 1_000_000,
    disk,
  });
  context.after(() => sender.close());
  return { sender, cutBytes: disk.cutBytes, messages };
}

async function exporterAt(context: TestContext): Promise<{ exporter: ModelExporter; addresses: AddressSource }> {
  const exporter = new ModelExporter("exporter-0", 1_000_000);
  const listener = await listenLoopback((connection) => modelHandlers(exporter, connection));
  context.after(() => listener.close());
  return { exporter, addresses: fixedAddress(listener.address) };
}

/** The disk that a collector of epoch 1 has left with records 1 to 20 in one segment; each item is 145 bytes long. */
async function leftBehind(context: TestContext): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem();
  const { sender } = await start(context, fs, 1n, nobody);
  for (let time = 1; time <= 20; time++) sender.push(opaqueRecord(time, 100));
  await sender.close();
  return fs;
}

async function segmentOf(fs: MemoryFileSystem): Promise<string> {
  const names = (await fs.readDir(folder)).map(({ name }) => name).filter((name) => name.endsWith(".spool"));
  assert.equal(names.length, 1);
  return `${folder}/${names[0]}`;
}

/** Flips a bit of the record with that number, counted from 1, or from -1 at the end. */
async function damage(fs: MemoryFileSystem, place: number): Promise<void> {
  const path = await segmentOf(fs);
  const bytes = await fs.readFile(path);
  const itemBytes = (bytes.length - segmentHeaderBytes) / 20;
  assert.ok(Number.isInteger(itemBytes));
  const at = (place > 0 ? segmentHeaderBytes + (place - 1) * itemBytes : bytes.length + place * itemBytes) + itemBytes
    - 1;
  const handle = await fs.open(path, "create");
  await handle.write(Uint8Array.of((bytes[at] ?? 0) ^ 0x10), at);
  await handle.sync();
  await handle.close();
}

/** `7` for a delivered record, `7-9` for a loss. */
function outcome(exporter: ModelExporter): string[] {
  return exporter.durable.map((one) => one.kind === "data" ? String(one.sequence) : `${one.first}-${one.last}`);
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 4000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, "it took too long");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a record of an earlier start that is damaged is declared lost, and the others are delivered", async (context) => {
  const fs = await leftBehind(context);
  await damage(fs, 7);
  await damage(fs, 8);
  const { exporter, addresses } = await exporterAt(context);
  const { sender } = await start(context, fs, 2n, addresses);
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(outcome(exporter), [...upTo(6), "7-8", ...upTo(20).slice(8)]);
  const { recoveredRecords, acknowledgedRecords, lostByReason } = sender.stats();
  assert.deepEqual({ recoveredRecords, acknowledgedRecords }, { recoveredRecords: 20, acknowledgedRecords: 18 });
  assert.equal(lostByReason["spool damaged"], 2);
});

test("damage in the very last record cannot be told from a write that was cut off: its bytes are counted", async (context) => {
  const fs = await leftBehind(context);
  await damage(fs, -1);
  const { exporter, addresses } = await exporterAt(context);
  const { sender, cutBytes } = await start(context, fs, 2n, addresses);
  assert.ok(cutBytes > 100 && cutBytes < 200, `${cutBytes} bytes`);
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(outcome(exporter), upTo(19));
});

test("damage at the end that the exporter has already is no loss", async (context) => {
  const fs = await leftBehind(context);
  await damage(fs, -1);
  const { exporter, addresses } = await exporterAt(context);
  for (let sequence = 1; sequence <= 20; sequence++) {
    exporter.durable.push({ kind: "data", epoch: 1n, sequence, timestampMs: sequence });
  }
  const { sender } = await start(context, fs, 2n, addresses);
  sender.push(opaqueRecord(21));
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(outcome(exporter), [...upTo(20), "1"], "nothing came twice");
  assert.equal(sender.stats().lostRecords, 0);
});

test("a disk that cannot be read for a while holds up what is on it, and loses nothing", async (context) => {
  const fs = await leftBehind(context);
  const { exporter, addresses } = await exporterAt(context);
  const { sender, messages } = await start(context, fs, 2n, addresses);
  let failures = 3;
  fs.before = ({ name, path }) => {
    if (name === "read" && failures-- > 0) throw new FileSystemError("EIO", path);
  };
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(outcome(exporter), upTo(20));
  assert.ok(messages.filter((message) => message === "cannot read the spool").length >= 1);
  assert.equal(sender.stats().lostRecords, 0);
});

test("what can never be read again is given up, declared, and holds up nothing new", async (context) => {
  const fs = await leftBehind(context);
  const { exporter, addresses } = await exporterAt(context);
  const segment = await segmentOf(fs);
  const { sender } = await start(context, fs, 2n, addresses);
  fs.before = ({ name, path }) => {
    if (name === "read" && path === segment) throw new FileSystemError("EIO", path);
  };
  sender.push(opaqueRecord(1));
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(outcome(exporter), ["1-20", "1"]);
  assert.equal(sender.stats().lostByReason["spool damaged"], 20);
});

test("a disk that hangs is done without, said, and used again when it answers", async (context) => {
  const fs = new MemoryFileSystem();
  const { exporter, addresses } = await exporterAt(context);
  const { sender, messages } = await start(context, fs, 1n, addresses);
  const hanging: (() => void)[] = [];
  fs.before = ({ name }) => name === "sync" ? new Promise((resolve) => hanging.push(resolve)) : undefined;
  for (let time = 1; time <= 20; time++) sender.push(opaqueRecord(time));
  await until(() => hanging.length > 0);
  assert.equal(exporter.durable.length, 0, "nothing is sent that is not on disk");
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(outcome(exporter), upTo(20));
  assert.equal(sender.stats().disk, "stuck");
  assert.ok(messages.includes("cannot write the spool to disk; going on from memory"));
  fs.before = null;
  for (const proceed of hanging) proceed();
  sender.push(opaqueRecord(21));
  await until(() => sender.stats().disk === "good");
  assert.equal(await sender.flush(longMs), true);
  assert.deepEqual(outcome(exporter), upTo(21));
});

test("what memory holds at the end is on disk, however much it is", async () => {
  const fs = new MemoryFileSystem();
  const open = async (epoch: bigint) => {
    const disk = await openDisk(fs, folder, 100_000_000);
    const log = makeLogger("test", "silent");
    const env = { ...systemEnv, clock };
    return startSender({ identity, epoch, token: "", addresses: nobody, env, log, metrics: new Registry(), disk });
  };
  const left = await open(1n);
  for (let number = 1; number <= 5_000; number++) left.push(opaqueRecord(number, 2_000));
  await left.close();
  const next = await open(2n);
  assert.equal(next.stats().recoveredRecords, 5_000);
  await next.close();
});

test("a disk that hangs does not keep the collector from ending", async (context) => {
  const fs = new MemoryFileSystem();
  const { sender, messages } = await start(context, fs, 1n, nobody);
  let isHanging = false;
  fs.before = () => {
    isHanging = true;
    return new Promise(() => {});
  };
  sender.push(opaqueRecord(1));
  await until(() => isHanging);
  await sender.close();
  assert.ok(messages.includes("the spool's disk does not answer; leaving it as it is"));
});
