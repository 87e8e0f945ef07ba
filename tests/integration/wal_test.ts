/** The log on a real disk that runs full, and the command that looks into it while it is written. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runtimeCommand } from "../../core/runtime/process.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { openWal } from "../../exporter/wal/file_wal.ts";
import type { OpaqueWalRecord, Wal } from "../../exporter/wal/wal.ts";
import { opaque, origin, readAll, sequencesOf } from "../../exporter/wal/wal_testing.ts";
import { waitFor } from "../support/wait.ts";

const run = promisify(execFile);
const a = origin("a");
const log = makeLogger("test", "silent");
const kibibyte = 1024;

/** A record of about 16 KiB. */
function record(sequence: number): OpaqueWalRecord {
  return opaque(a, sequence, `${sequence} `.repeat(16 * kibibyte / (String(sequence).length + 1)));
}

/** A file system of 4 MiB; null where mounting is not permitted. */
async function mountSmall(): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-small-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]);
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true });
    if (process.env["CI"] === "true") throw error;
    return null;
  }
}

async function unmount(folder: string): Promise<void> {
  // Lazily: a log that a failed test left open would hide why it failed.
  await run("umount", ["--lazy", folder]);
  await rm(folder, { recursive: true });
}

test("a real disk that runs full stops the acknowledgements, leaves room for cursors, and heals", async (context) => {
  const folder = await mountSmall();
  if (folder === null) return context.skip("mounting a tmpfs is not permitted here: run as root");
  const options = { dir: join(folder, "wal"), env: systemEnv, log, segmentBytes: 256 * kibibyte };
  try {
    const wal = await openWal(options);
    let durable = 0;
    wal.onDurable((index) => durable = index);
    let appended = 0;
    await waitFor("a full disk", 20_000, () => {
      if (wal.stats().condition === "disk full") return true;
      for (let count = 0; count < 16; count++) wal.append(record(++appended));
      return null;
    });
    const acknowledged = durable;
    assert.ok(acknowledged > 100 && acknowledged < appended, `${acknowledged} of ${appended}`);
    await waitFor(
      "the reserve",
      20_000,
      async () => (await readFile(join(folder, "wal", "reserve"))).length === 0 || null,
    );
    await writeFile(join(folder, "cursor"), new Uint8Array(256 * kibibyte));
    assert.deepEqual(sequencesOf(await readAll(wal), "a"), range(1, acknowledged), "it goes on serving");
    await waitFor("another attempt", 20_000, () => wal.stats().diskFullFailures >= 2 || null);
    assert.equal(durable, acknowledged);
    const [, , , third] = wal.segmentList();
    await wal.trim(third!.start);
    const kept = (await readSequences(wal))[0] ?? 0;
    await waitFor("the disk to have room", 20_000, () => durable === appended || null);
    assert.equal(wal.stats().condition, "good");
    await wal.close();
    const again = await openWal(options);
    assert.deepEqual(await readSequences(again), range(kept, appended));
    assert.equal(again.resumePoint(a), appended);
    assert.equal(again.stats().corruptRecords, 0);
    await again.close();
  } finally {
    await unmount(folder);
  }
});

test("wal inspect looks into a log that is in use, and tells damage by its exit code", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-inspect-"));
  const dir = join(folder, "wal");
  try {
    const wal = await openWal({ dir, env: systemEnv, log, segmentBytes: 64 * kibibyte });
    let durable = 0;
    wal.onDurable((index) => durable = index);
    for (let sequence = 1; sequence <= 12; sequence++) wal.append(record(sequence));
    await waitFor("the records", 5000, () => durable === 12 || null);
    const good = await inspect(folder, "--output", "json");
    assert.equal(good.code, 0, good.stderr);
    const found: unknown = JSON.parse(good.stdout);
    assert.ok(typeof found === "object" && found !== null && "entries" in found && "locks" in found);
    assert.equal(found.entries, 12);
    assert.deepEqual(found.locks, [{ processId: process.pid, isRunning: true }]);
    await truncate(join(dir, "0000000001.wal"), 20_000);
    const damaged = await inspect(dir);
    assert.equal(damaged.code, 1);
    assert.match(damaged.stdout, /^damaged {3}0000000001\.wal bytes \d+ to \d+: [1-9] entries$/m);
    assert.match(damaged.stdout, /^missing {3}BCS-K8S-00001\/shop\/a@1 sequence 2 to \d$/m);
    await wal.close();
    assert.deepEqual((await readdir(dir)).filter((name) => name.startsWith("lock.")), []);
    const none = await inspect(join(folder, "none"));
    assert.equal(none.code, 1);
    assert.match(none.stderr, /^bcs-metric: Cannot inspect WAL ".*none": there is no such folder\n$/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

async function readSequences(wal: Wal): Promise<number[]> {
  return sequencesOf(await readAll(wal, null, 64 * kibibyte), "a");
}

async function inspect(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const script = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
  const { command, args: words } = runtimeCommand(script, ["wal", "inspect", ...args]);
  try {
    return { code: 0, ...await run(command, words) };
  } catch (error) {
    if (!(error instanceof Error) || !("stdout" in error) || !("stderr" in error)) throw error;
    const code = "code" in error ? Number(error.code) : NaN;
    return { code, stdout: String(error.stdout), stderr: String(error.stderr) };
  }
}
