import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "../../core/errors.ts";
import { FileSystemError, MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { type ProcessTable, systemProcesses } from "../../core/runtime/process_table.ts";
import { systemFileSystem } from "../../core/runtime/system_fs.ts";
import { claimDirectory } from "./directory.ts";

/** A process among those that run. */
function processAs(self: string, ...running: string[]): ProcessTable {
  return { self, isRunning: (identity) => identity === self || running.includes(identity) };
}

function isUserError(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof UserError && message.test(error.message) && !error.message.includes("\n");
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-wal-"));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("the directory is made with those above it, and survives a power cut", async () => {
  const fs = new MemoryFileSystem();
  await claimDirectory("/a/b/c", fs, processAs("1-x-1"));
  assert.deepEqual(await fs.crash("drop").readDir("/a/b/c"), []);
});

test("a second exporter on the same directory is refused, until the first gives it back", async () => {
  const fs = new MemoryFileSystem();
  const giveBack = await claimDirectory("/wal", fs, processAs("17-x-1"));
  const second = processAs("18-x-1", "17-x-1");
  await assert.rejects(
    claimDirectory("/wal", fs, second),
    isUserError(/^Cannot open WAL "\/wal": .*process id 17 uses it; /),
  );
  await giveBack();
  await (await claimDirectory("/wal", fs, second))();
  assert.deepEqual(await fs.readDir("/wal"), []);
});

test("the same process cannot claim a directory twice", async () => {
  await withFolder(async (folder) => {
    const giveBack = await claimDirectory(folder, systemFileSystem, systemProcesses);
    await assert.rejects(claimDirectory(folder, systemFileSystem, systemProcesses), isUserError(/uses it/));
    await giveBack();
    assert.deepEqual(await readdir(folder), []);
  });
});

test("the claim of a process that has ended is taken over, also when its process id was given out again", async () => {
  const fs = new MemoryFileSystem();
  await claimDirectory("/wal", fs, processAs("1-boot-100"));
  await claimDirectory("/wal", fs, processAs("1-boot-200"));
  assert.deepEqual((await fs.readDir("/wal")).map(({ name }) => name), ["lock.1-boot-200"]);
});

test("of two that start at the same time at most one goes on", async () => {
  const fs = new MemoryFileSystem();
  const [one, two] = ["1-x-1", "2-x-1"];
  const results = await Promise.allSettled([
    claimDirectory("/wal", fs, processAs(one, two)),
    claimDirectory("/wal", fs, processAs(two, one)),
  ]);
  assert.ok(results.filter(({ status }) => status === "fulfilled").length <= 1);
});

test("a path that is a file is refused in one line", async () => {
  await withFolder(async (folder) => {
    const file = join(folder, "file");
    await writeFile(file, "");
    for (const path of [file, join(file, "wal")]) {
      await assert.rejects(
        claimDirectory(path, systemFileSystem, systemProcesses),
        isUserError(/^Cannot write to WAL ".*": a part of that path is a file; choose another --data$/),
      );
    }
  });
});

for (
  const [code, advice] of [["EACCES", "permission denied"], ["EROFS", "read-only"], ["ENOSPC", "disk is full"]] as const
) {
  test(`a directory that cannot be written for ${code} is refused in one line`, async () => {
    const fs = new MemoryFileSystem();
    fs.before = ({ name, path }) => {
      if (name === "open") throw new FileSystemError(code, path);
    };
    const refused = isUserError(new RegExp(`^Cannot write to WAL "/wal": .*${advice}`));
    await assert.rejects(claimDirectory("/wal", fs, processAs("1-x-1")), refused);
  });
}
