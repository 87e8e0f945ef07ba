import assert from "node:assert/strict";
import { appendFile, mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { systemFileSystem } from "../../../core/runtime/system_fs.ts";
import { rotateLog } from "./log_rotation.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bcs-metric-logs-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a log within its limit, or none at all, is left alone", async () => {
  const path = join(folder, "a.log");
  await rotateLog(systemFileSystem, path, 10);
  await appendFile(path, "0123456789");
  await rotateLog(systemFileSystem, path, 10);
  assert.equal(await readFile(path, "utf8"), "0123456789");
  await assert.rejects(stat(`${path}.1`));
});

test("a log beyond its limit is emptied in place, its end kept beside it", async () => {
  const path = join(folder, "a.log");
  const writer = await open(path, "a");
  try {
    await writer.appendFile("first 0123456789");
    await rotateLog(systemFileSystem, path, 10);
    assert.equal(await readFile(`${path}.1`, "utf8"), "0123456789");
    // The writer keeps its descriptor, and what it appends begins the emptied file.
    await writer.appendFile("second");
    assert.equal(await readFile(path, "utf8"), "second");
    await writer.appendFile(" 12345");
    await rotateLog(systemFileSystem, path, 10);
    assert.equal(await readFile(`${path}.1`, "utf8"), "cond 12345");
  } finally {
    await writer.close();
  }
});
