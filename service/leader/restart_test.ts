import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ServiceFolder } from "../testing/service_process.ts";
import { leaseMsDefault } from "./leader.ts";

const skip = process.platform === "linux" ? false : "only where processes can be told apart";

test("a service that is started again after it was killed leads without waiting for its lease", { skip }, async () => {
  const folder = await ServiceFolder.make();
  try {
    await mkdir(join(folder.root, "volume"));
    const leads = (name: string) =>
      folder.eventually(async () => /"msg":"leading"/.test(await folder.log(name)) ? true : undefined);
    const options = ["--orchestrator", "none", "--name", "one"];
    const first = folder.start(options);
    await leads("service");
    process.kill(first.pid, "SIGKILL");
    await first.ended;
    const killedMs = performance.now();
    folder.start(options, "again");
    await leads("again");
    const tookMs = performance.now() - killedMs;
    assert.ok(tookMs < leaseMsDefault * 0.8, `it took ${Math.round(tookMs)} ms`);
  } finally {
    await folder.remove();
  }
});
