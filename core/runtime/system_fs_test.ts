import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { errorCode } from "../errors.ts";
import { FileMissingError } from "./env.ts";
import { systemFileSystem as fs } from "./system_fs.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bcs-metric-fs-"));
});
after(() => rm(folder, { recursive: true }));

test("what was written at a position is read back, short only at the end of the file", async () => {
  const file = await fs.open(join(folder, "a"), "create");
  await file.write(Uint8Array.of(1, 2, 3, 4), 0);
  await file.write(Uint8Array.of(9), 1);
  await file.sync();
  const into = new Uint8Array(8);
  assert.equal(await file.read(into, 1), 3);
  assert.deepEqual([...into.subarray(0, 3)], [9, 3, 4]);
  await file.truncate(2);
  assert.equal(await file.size(), 2);
  await file.close();
  assert.deepEqual([...await fs.readFile(join(folder, "a"))], [1, 9]);
});

test("what is missing is told apart from other failures", async () => {
  const absent = join(folder, "absent");
  await assert.rejects(fs.readFile(absent), FileMissingError);
  await assert.rejects(fs.readDir(absent), FileMissingError);
  await assert.rejects(fs.open(absent, "read"), FileMissingError);
  assert.equal(await fs.stat(absent), null);
  await fs.remove(absent);
});

test("an exclusive open refuses a file that exists", async () => {
  const path = join(folder, "once");
  await (await fs.open(path, "exclusive")).close();
  await assert.rejects(fs.open(path, "exclusive"), (error) => errorCode(error) === "EEXIST");
});

test("directories are made, listed with kinds, and files renamed between them", async () => {
  const nested = join(folder, "d", "e");
  await fs.makeDir(nested);
  await fs.makeDir(nested);
  await (await fs.open(join(nested, "f"), "create")).close();
  await fs.rename(join(nested, "f"), join(folder, "d", "g"));
  await fs.syncDir(join(folder, "d"));
  const entries = (await fs.readDir(join(folder, "d"))).toSorted((a, b) => a.name < b.name ? -1 : 1);
  assert.deepEqual(entries, [{ name: "e", kind: "directory" }, { name: "g", kind: "file" }]);
});

test("a directory that cannot be made is an error, never a wait without end", async () => {
  await assert.rejects(fs.makeDir("/proc/bcs-metric/data"), (error) => errorCode(error) === "ENOENT");
  const file = join(folder, "file");
  await (await fs.open(file, "create")).close();
  await assert.rejects(fs.makeDir(file), (error) => errorCode(error) === "EEXIST");
  await assert.rejects(fs.makeDir(join(file, "below")), (error) => errorCode(error) === "ENOTDIR");
});
