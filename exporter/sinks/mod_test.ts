import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../../core/errors.ts";
import { MemoryFileSystem } from "../../core/runtime/memory_fs.ts";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { makeLogger } from "../../core/telemetry/log.ts";
import { testBatch, testScrapeOf } from "./batch_testing.ts";
import { readSinks, type SinkDeps } from "./mod.ts";
import { startReceiver } from "./remote_write/receiver_testing.ts";

const never = new AbortController().signal;
const otlp = { name: "o", type: "otlp", url: "http://127.0.0.1:4318/v1/metrics" };
const write = { name: "w", type: "remote_write", url: "http://127.0.0.1:9090/api/v1/write" };

function depsOf(options: Partial<SinkDeps> & { fs?: MemoryFileSystem } = {}): SinkDeps {
  const env = { ...systemEnv, fs: options.fs ?? new MemoryFileSystem() };
  return { env, dataDir: "/data", log: makeLogger("test", "silent"), variables: {}, ...options };
}

/** What `readSinks` says to a list of sinks. */
async function refusal(sinks: unknown, options: Partial<SinkDeps> = {}): Promise<string> {
  try {
    await readSinks({ sinks }, "/etc/exporter.yaml", depsOf(options));
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  return "accepted";
}

test("without sinks there is one that writes files below the data folder", async () => {
  for (const config of [{}, undefined, { listen: "127.0.0.1:1" }]) {
    const fs = new MemoryFileSystem();
    const sinks = await readSinks(config, "", depsOf({ fs }));
    assert.deepEqual(sinks.map(({ name, type }) => [name, type]), [["file", "file"]]);
    await sinks[0]?.deliver(testBatch([testScrapeOf("m", 1)]), never);
    assert.notEqual(await fs.stat("/data/export/metrics-00000001.jsonl"), null);
    await sinks[0]?.close();
  }
});

test("the sinks of the configuration are made in their order", async () => {
  const sinks = await readSinks(
    { sinks: [{ ...write, protocol: 1, samplesMax: 7 }, { name: "f", type: "file", path: "out", filesMax: 3 }] },
    "/etc/bcs/exporter.yaml",
    depsOf(),
  );
  assert.deepEqual(sinks.map(({ name, type, batchSamplesMax }) => [name, type, batchSamplesMax]), [
    ["w", "remote_write", 7],
    ["f", "file", undefined],
  ]);
  for (const sink of sinks) await sink.close();
});

test("a relative path starts from the folder of the configuration", async () => {
  for (const [path, want] of [["out", "/etc/bcs/out"], ["/var/out", "/var/out"], ["../out", "/etc/out"]]) {
    const fs = new MemoryFileSystem();
    const [sink] = await readSinks({ sinks: [{ name: "f", type: "file", path }] }, "/etc/bcs/e.yaml", depsOf({ fs }));
    await sink?.deliver(testBatch([testScrapeOf("m", 1)]), never);
    assert.notEqual(await fs.stat(`${want}/metrics-00000001.jsonl`), null);
    await sink?.close();
  }
});

test("what is wrong is told with the sink's name and the file", async () => {
  async function check(sinks: unknown, want: RegExp) {
    assert.match(await refusal(sinks), want);
  }
  const file = { name: "f", type: "file" };
  await check([], /^Cannot use sinks of "\/etc\/exporter.yaml": expected a list/);
  await check("file", /expected a list/);
  await check([{ type: "file" }], /^Cannot use sink 1 of "\/etc\/exporter.yaml": name: /);
  await check([{ name: "a/b", type: "file" }], /^Cannot use sink "a\/b" of .*: name must consist of/);
  await check([{ name: "k", type: "kafka" }], /unknown type "kafka"; known are file, .*stdout/);
  await check([{ name: "k", type: "constructor" }], /unknown type "constructor"/);
  await check([{ ...file, rotate: 1 }], /Unrecognized key: "rotate"/);
  await check([{ ...file, rotateBytes: 1 }], /rotateBytes: /);
  await check([file, { ...file, name: "F", path: "x" }], /^Cannot use sink "F".*the name is taken by "f"/);
  await check([file, { ...file, name: "g" }], /"f" writes to "\/data\/export" already; give one of them another path/);
  await check([{ ...write, url: "ftp://x" }], /url: must be an address such as/);
  await check([{ ...write, url: "http://u:p@x/" }], /url: must not contain credentials/);
  await check([{ ...write, protocol: "3.0" }], /protocol: must be "auto", "1.0" or "2.0"/);
  await check([{ ...write, protocol: 3 }], /protocol: must be "auto", "1.0" or "2.0"/);
  await check([{ ...write, tls: { cert: "x" } }], /tls: cert and key belong together/);
  await check([{ ...otlp, headers: { "Content-Encoding": "x" } }], /headers.Content-Encoding: must not be set/);
  await check([{ ...otlp, resourceLabels: { cluster: "service.name" } }], /two labels have the same attribute/);
  await check([{ ...write, headers: { "Content-Type": "x" } }], /headers.Content-Type: must not be set/);
  await check([{ ...write, headers: { "a b": "x" } }], /headers.a b: is no name of a header/);
  await check([{ ...write, headers: { a: "x\r\ny: z" } }], /headers.a: is no value of a header/);
  await check([{ ...write, bearerToken: "plain" }], /bearerToken: must name an environment variable/);
  await check([{ ...write, bearerToken: "env:NONE" }], /environment variable "NONE" is not set/);
  await check([{ ...write, bearerToken: "env:A", basic: { username: "u", password: "env:A" } }], /exclude each other/);
  await check([{ ...write, timeoutMs: 0 }], /timeoutMs: /);
});

test("secrets come from the environment and stand in no message", async () => {
  const receiver = await startReceiver();
  const url = `${receiver.url}/write`;
  const variables = { TOKEN: "canary-1", PASSWORD: "canary-2", HEADER: "canary-3", BROKEN: "canary-4\nx" };
  const sinks = await readSinks(
    {
      sinks: [
        { ...write, name: "a", url, bearerToken: "env:TOKEN", headers: { "X-BK-TOKEN": "env:HEADER", plain: "p" } },
        { ...write, name: "b", url, basic: { username: "user", password: "env:PASSWORD" } },
      ],
    },
    "",
    depsOf({ variables }),
  );
  for (const sink of sinks) {
    assert.equal((await sink.deliver(testBatch([testScrapeOf("m", 1)]), never)).outcome, "delivered");
    assert.ok(!JSON.stringify(sink).includes("canary"));
    await sink.close();
  }
  const [first, second] = receiver.requests.map(({ headers }) => headers);
  assert.deepEqual([first?.authorization, first?.["x-bk-token"], first?.["plain"]], [
    "Bearer canary-1",
    "canary-3",
    "p",
  ]);
  assert.equal(second?.authorization, `Basic ${btoa("user:canary-2")}`);
  const message = await refusal([{ ...write, bearerToken: "env:BROKEN" }], { variables });
  assert.match(message, /environment variable "BROKEN" has a line break/);
  assert.ok(!message.includes("canary"));
  await receiver.close();
});
