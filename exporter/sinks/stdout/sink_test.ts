import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runtimeCommand } from "../../../core/runtime/process.ts";
import type { ByteOutput } from "../../../core/runtime/stdout.ts";
import type { DeliveryOutcome } from "../../sink.ts";
import { testBatch, testOpaque, testScrapeOf } from "../batch_testing.ts";
import { createStdoutSink } from "./sink.ts";

const never = new AbortController().signal;

class TestOutput implements ByteOutput {
  text = "";
  failure: Error | null = null;
  gate: Promise<void> = Promise.resolve();

  async write(bytes: Uint8Array): Promise<void> {
    await this.gate;
    if (this.failure !== null) throw this.failure;
    this.text += new TextDecoder().decode(bytes);
  }
}

test("a batch is written as JSON lines, scrapes first", async () => {
  const output = new TestOutput();
  const sink = createStdoutSink({ name: "out", output });
  const batch = testBatch([testScrapeOf("a", 2)], [testOpaque("{}")]);
  assert.deepEqual(await sink.deliver(batch, never), { outcome: "delivered", samples: 2, records: 2 });
  const lines = output.text.trimEnd().split("\n").map((line): Record<string, unknown> => JSON.parse(line));
  assert.deepEqual(lines.map((line) => line["name"] ?? line["dataId"]), ["a", "a", 1_500_001]);
});

test("a reader that does not read is waited for until the delivery is aborted", async () => {
  const output = new TestOutput();
  const gate = Promise.withResolvers<void>();
  output.gate = gate.promise;
  const sink = createStdoutSink({ name: "out", output });
  const abort = new AbortController();
  const delivery = sink.deliver(testBatch([testScrapeOf("a", 2)]), abort.signal);
  abort.abort();
  assert.deepEqual(await delivery, { outcome: "retry", reason: "stopped" });
  gate.resolve();
});

test("an output without a reader is told as such", async () => {
  const output = new TestOutput();
  output.failure = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
  const sink = createStdoutSink({ name: "out", output });
  const outcome = await sink.deliver(testBatch([testScrapeOf("a", 2)]), never);
  assert.match(outcome.outcome === "retry" ? outcome.reason : "", /^Cannot write to standard output: nobody reads/);
});

test("a defect of ours is not taken for trouble with the output", async () => {
  const output = new TestOutput();
  output.failure = new TypeError("defect");
  const sink = createStdoutSink({ name: "out", output });
  await assert.rejects(sink.deliver(testBatch([testScrapeOf("a", 2)]), never), { message: "defect" });
});

const samples = 60_000;

test("a real pipe that is read slowly holds up the sink, and not the process", async () => {
  const child = startWriter();
  // Its event loop still turns while the pipe is full.
  await once(child.stderr, "ticking");
  let bytes = 0;
  let lines = 0;
  child.stdout.on("data", (data: Uint8Array) => {
    bytes += data.length;
    for (const byte of data) if (byte === 10) lines++;
  });
  const outcome = await once(child.stderr, "outcome");
  assert.deepEqual(outcome, { outcome: "delivered", samples, records: 1 });
  await new Promise((resolve) => child.once("close", resolve));
  assert.equal(lines, samples);
  assert.ok(bytes > samples * 50);
});

test("a real pipe that is closed is a retry that says so, and the process lives on", async () => {
  const child = startWriter();
  child.stdout.destroy();
  const outcome = await once(child.stderr, "outcome") as DeliveryOutcome;
  assert.match(outcome.outcome === "retry" ? outcome.reason : "", /nobody reads it any more \(EPIPE\)/);
  assert.equal(await new Promise((resolve) => child.once("close", resolve)), 0);
});

function startWriter() {
  const script = fileURLToPath(new URL("./writer_testing.ts", import.meta.url));
  const { command, args } = runtimeCommand(script, [String(samples)]);
  return spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
}

/** The first line of JSON with this member. */
function once(stream: NodeJS.ReadableStream, member: string): Promise<unknown> {
  const found = Promise.withResolvers<unknown>();
  let text = "";
  const look = (data: Uint8Array) => {
    text += new TextDecoder().decode(data);
    for (const line of text.split("\n").slice(0, -1)) {
      if (!line.startsWith("{")) continue;
      const parsed = JSON.parse(line) as Record<string, unknown>;
      if (parsed[member] === undefined) continue;
      stream.off("data", look);
      found.resolve(parsed[member]);
    }
  };
  stream.on("data", look);
  stream.once("end", () => found.reject(new Error(`Cannot find "${member}" in: ${text}`)));
  return found.promise;
}
