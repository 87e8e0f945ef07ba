import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ServiceFolder } from "./testing/service_process.ts";

let folder: ServiceFolder;

beforeEach(async () => {
  folder = await ServiceFolder.make();
  await mkdir(join(folder.root, "volume"));
});
afterEach(() => folder.remove());

test("a service announces itself, and when it is asked to end withdraws that and ends with code 0", async () => {
  const service = folder.start(["--orchestrator", "none", "--name", "one"]);
  const url = await folder.url();
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
  const records = join(folder.root, "volume", ".bcs-metric", "registry", "service");
  assert.deepEqual(await readdir(records), ["one.json"]);
  assert.deepEqual(await service.stop(5000), { code: 0, signal: null, reason: "" });
  assert.deepEqual(await readdir(records), []);
});

test("what cannot be served is told in one line, with exit code 1", async () => {
  const file = join(folder.root, "file");
  await writeFile(file, "");
  const check = async (name: string, args: readonly string[], message: RegExp) => {
    assert.equal((await folder.start(args, name).ended).code, 1);
    const log = await folder.log(name);
    assert.match(log, message);
    assert.equal(log.trim().split("\n").length, 1);
  };
  await Promise.all([
    check("listen", ["--listen", "0.0.0.0:0"], /^bcs-metric: Cannot listen on 0\.0\.0\.0:0: without tokens only this/),
    check("volume", ["--volume", `${file}-none`], /^bcs-metric: Cannot use ".*none" as the volume: /),
    check("data", ["--data", join(file, "data")], /^bcs-metric: Cannot use ".*" as the data folder: .*--data/),
  ]);
});
