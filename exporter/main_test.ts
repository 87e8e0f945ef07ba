import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { OptionError } from "../core/options.ts";
import { makeRegistry } from "../core/registry/store_registry.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { openVolume } from "../core/store/volume_store.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { TestClient } from "./ingest/client_testing.ts";
import { helloFrame, scrapesFrame, shapeFrames } from "./ingest/session_testing.ts";
import { main } from "./main.ts";

const ports = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-level", "silent"];

async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-exporter-"));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Runs the command until it ends by itself, and returns its exit code and what it wrote to standard error. */
async function failing(args: readonly string[]): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (line: string) => void lines.push(line);
  try {
    return { code: await main([...args, ...ports]), lines };
  } finally {
    console.error = error;
  }
}

test(
  "the exporter registers on the volume, serves, and ends with 0 on SIGTERM",
  { timeout: 20_000 },
  async (context) => {
    const folder = await temporaryFolder(context);
    const volume = join(folder, "volume");
    await mkdir(volume);
    const log = makeLogger("test", "silent");
    const store = await openVolume({ root: volume, env: systemEnv, log });
    const registered = Promise.withResolvers<{ host: string; port: number }>();
    const watch = await makeRegistry({ store, clock: systemEnv.clock, log }).watch("exporter", ([record]) => {
      if (record?.id === "exporter-7") registered.resolve({ host: record.ip, port: record.port });
    });
    const ended = main(["--data", join(folder, "data"), "--volume", volume, "--name", "exporter-7", ...ports]);
    const client = new TestClient(await registered.promise);
    client.send(helloFrame());
    await client.frames(1);
    client.send(...shapeFrames, scrapesFrame(1));
    assert.deepEqual(await client.frames(2), ["welcome 0", "ack 1"]);
    process.kill(process.pid, "SIGTERM");
    assert.equal(await ended, 0);
    await client.closed;
    await watch.close();
    await store.close();
  },
);

test("a data folder that cannot be used is one line and exit code 1", async (context) => {
  const folder = await temporaryFolder(context);
  await writeFile(join(folder, "file"), "");
  const { code, lines } = await failing(["--data", join(folder, "file", "data")]);
  assert.equal(code, 1);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^bcs-metric: Cannot [^\n]+file\/data[^\n]*$/);
});

test("a sink that cannot be used is one line and exit code 1", async (context) => {
  const folder = await temporaryFolder(context);
  const config = join(folder, "exporter.yaml");
  await writeFile(config, "sinks:\n  - { name: far, type: telepathy }\n");
  const { code, lines } = await failing(["--data", folder, "--config", config]);
  assert.equal(code, 1);
  assert.match(lines.join("\n"), /^bcs-metric: Cannot use sink "far" [^\n]+unknown type "telepathy"[^\n]*$/);
});

test("wrong options are the caller's business", async () => {
  await assert.rejects(main([]), OptionError);
  await assert.rejects(main(["--data", "d", "--listen", "nowhere"]), OptionError);
});
