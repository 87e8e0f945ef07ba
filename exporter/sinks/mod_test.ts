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
const write = { name: "w", type: "remote_write", url: "http://127.0.0.1:9090/api/v1/write" };

function depsOf(options: Partial<SinkDeps> & { fs?: MemoryFileSystem } = {}): SinkDeps {
  const env = { clock: systemEnv.clock, fs: options.fs ?? new MemoryFileSystem() };
  return { env, dataDir: "/data", log: makeLogger("test", "silent"), variables: {}, ...options };
}

/** What `readSinks` says to a list of sinks. */
function refusal(sinks: unknown, options: Partial<SinkDeps> = {}): string {
  try {
    readSinks({ sinks }, "/etc/exporter.yaml", depsOf(options));
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  return "accepted";
}

test("without sinks there is one that writes files below the data folder", async () => {
  for (const config of [{}, undefined, { listen: "127.0.0.1:1" }]) {
    const fs = new MemoryFileSystem();
    const sinks = readSinks(config, "", depsOf({ fs }));
    assert.deepEqual(sinks.map(({ name, type }) => [name, type]), [["file", "file"]]);
    await sinks[0]?.deliver(testBatch([testScrapeOf("m", 1)]), never);
    assert.notEqual(await fs.stat("/data/export/metrics-00000001.jsonl"), null);
    await sinks[0]?.close();
  }
});

test("the sinks of the configuration are made in their order", async () => {
  const sinks = readSinks(
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
    const [sink] = readSinks({ sinks: [{ name: "f", type: "file", path }] }, "/etc/bcs/e.yaml", depsOf({ fs }));
    await sink?.deliver(testBatch([testScrapeOf("m", 1)]), never);
    assert.notEqual(await fs.stat(`${want}/metrics-00000001.jsonl`), null);
    await sink?.close();
  }
});

test("what is wrong is told with the sink's name and the file", () => {
  function check(sinks: unknown, want: RegExp) {
    assert.match(refusal(sinks), want);
  }
  const file = { name: "f", type: "file" };
  check([], /^Cannot use sinks of "\/etc\/exporter.yaml": expected a list/);
  check("file", /expected a list/);
  check([{ type: "file" }], /^Cannot use sink 1 of "\/etc\/exporter.yaml": name: /);
  check([{ name: "a/b", type: "file" }], /^Cannot use sink "a\/b" of .*: name must consist of/);
  check([{ name: "k", type: "kafka" }], /unknown type "kafka"; known are file, remote_write/);
  check([{ name: "k", type: "constructor" }], /unknown type "constructor"/);
  check([{ ...file, rotate: 1 }], /Unrecognized key: "rotate"/);
  check([{ ...file, rotateBytes: 1 }], /rotateBytes: /);
  check([file, { ...file, name: "F", path: "x" }], /^Cannot use sink "F".*the name is taken by "f"/);
  check([file, { ...file, name: "g" }], /"f" writes to "\/data\/export" already; give one of them another path/);
  check([{ ...write, url: "ftp://x" }], /url: must be an address such as/);
  check([{ ...write, url: "http://u:p@x/" }], /url: must not contain credentials/);
  check(
    [{ ...write, protocol: "2.0" }],
    /protocol: only "1.0" is there yet; remote write 2.0 comes in a later version/,
  );
  check([{ ...write, protocol: 2 }], /protocol: only "1.0"/);
  check([{ ...write, headers: { "Content-Type": "x" } }], /headers.Content-Type: must not be set/);
  check([{ ...write, headers: { "a b": "x" } }], /headers.a b: is no name of a header/);
  check([{ ...write, headers: { a: "x\r\ny: z" } }], /headers.a: is no value of a header/);
  check([{ ...write, bearerToken: "plain" }], /bearerToken: must name an environment variable/);
  check([{ ...write, bearerToken: "env:NONE" }], /environment variable "NONE" is not set/);
  check([{ ...write, bearerToken: "env:A", basic: { username: "u", password: "env:A" } }], /exclude each other/);
  check([{ ...write, timeoutMs: 0 }], /timeoutMs: /);
});

test("routes are refused as long as there is no routing", () => {
  assert.throws(() => readSinks({ routes: [] }, "e.yaml", depsOf()), {
    name: "UserError",
    message: `Cannot use routes of "e.yaml": routing is not there yet, every sink gets everything; remove it`,
  });
});

test("secrets come from the environment and stand in no message", async () => {
  const receiver = await startReceiver();
  const url = `${receiver.url}/write`;
  const variables = { TOKEN: "canary-1", PASSWORD: "canary-2", HEADER: "canary-3", BROKEN: "canary-4\nx" };
  const sinks = readSinks(
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
  const message = refusal([{ ...write, bearerToken: "env:BROKEN" }], { variables });
  assert.match(message, /environment variable "BROKEN" has a line break/);
  assert.ok(!message.includes("canary"));
  await receiver.close();
});
