import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { test } from "node:test";
import { UserError } from "../core/errors.ts";
import {
  delimited,
  doubleField,
  family,
  label,
  messageField,
  numberField,
  packedSigned,
  signedField,
} from "../core/exposition/testing/protobuf.ts";
import { OptionError } from "../core/options.ts";
import { parseCommand } from "./parse.ts";

class Collected extends Writable {
  text = "";
  /** The most that was waiting to be taken, in characters. */
  waitingMax = 0;

  constructor() {
    super({ highWaterMark: 1, decodeStrings: false });
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.waitingMax = Math.max(this.waitingMax, this.writableLength);
    this.text += chunk;
    setImmediate(done);
  }
}

interface Outcome {
  readonly code: number;
  readonly stdout: Collected;
  readonly stderr: string;
}

async function run(
  argv: readonly string[],
  input: string | Uint8Array = "",
  env: Record<string, string> = {},
): Promise<Outcome> {
  const stdout = new Collected();
  const stderr = new Collected();
  const code = await parseCommand(argv, { env, stdin: Readable.from([Buffer.from(input)]), stdout, stderr });
  return { code, stdout, stderr: stderr.text };
}

test("each sample of a file is a line of JSON, with its type where it is known", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "bcs-metric-parse-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "metrics.txt");
  await writeFile(file, '# TYPE a counter\na{x="1"} 2 -3\nb NaN\n');
  const { code, stdout, stderr } = await run([file]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  assert.equal(
    stdout.text,
    '{"name":"a","labels":{"x":"1"},"value":2,"timestampMs":-3,"type":"counter"}\n'
      + '{"name":"b","labels":{},"value":"NaN"}\n',
  );
});

test("standard input is read for -, in the format that flag or environment name", async () => {
  const want = '{"name":"a","labels":{},"value":1,"timestampMs":2500}\n';
  assert.equal((await run(["--format", "openmetrics", "-"], "a 1 2.5\n# EOF\n")).stdout.text, want);
  assert.equal((await run(["-"], "a 1 2.5\n# EOF\n", { BCS_METRIC_FORMAT: "openmetrics" })).stdout.text, want);
  assert.equal((await run(["-"], "")).stdout.text, "");
});

test("a bad exposition prints nothing but its place and the reason", async () => {
  const { code, stdout, stderr } = await run(["-"], "a 1\nb{x=1} 2\n");
  assert.equal(code, 1);
  assert.equal(stdout.text, "");
  assert.equal(stderr, '2:5: expected the label value in double quotes, not "1"\n');
});

test("protobuf is read, with native histograms as lines of their own, and errors name the byte", async () => {
  const native = messageField(
    7,
    numberField(1, 3),
    doubleField(2, Infinity),
    numberField(7, 1),
    messageField(12, signedField(1, -1), numberField(2, 1)),
    messageField(12, signedField(1, 1), numberField(2, 1)),
    packedSigned(13, [1, 0]),
  );
  const body = delimited(family("h", "histogram", [label(1, "a", "b"), native]));
  const lines = (await run(["--format", "protobuf", "-"], body)).stdout.text.split("\n");
  assert.deepEqual(lines, [
    '{"name":"h_bucket","labels":{"a":"b","le":"+Inf"},"value":3,"type":"histogram"}',
    '{"name":"h_sum","labels":{"a":"b"},"value":"+Inf","type":"histogram"}',
    '{"name":"h_count","labels":{"a":"b"},"value":3,"type":"histogram"}',
    '{"name":"h","labels":{"a":"b"},"histogram":{"schema":0,"count":3,"sum":"+Inf","zeroThreshold":0,"zeroCount":1,'
    + '"positive":[[-1,1],[1,1]],"negative":[]},"type":"histogram"}',
    "",
  ]);
  const cut = await run(["--format", "protobuf", "-"], body.subarray(0, -1));
  assert.equal(cut.code, 1);
  assert.equal(cut.stdout.text, "");
  assert.match(cut.stderr, /^byte 0: a message of \d+ bytes is cut off: \d+ are left\n$/);
  const twice = delimited(family("g", "gauge", [messageField(2)], [messageField(2)]));
  assert.equal((await run(["--format", "protobuf", "-"], twice)).code, 0);
  assert.match(
    (await run(["--format", "protobuf", "--strict", "-"], twice)).stderr,
    /^byte \d+: the series occurs twice\n$/,
  );
});

test("strict is a switch and an environment variable", async () => {
  assert.equal((await run(["-"], "a 1\na 2\n")).code, 0);
  assert.equal((await run(["--strict", "-"], "a 1\na 2\n")).stderr, "2:1: the series occurs twice\n");
  assert.equal((await run(["-"], "a 1\na 2\n", { BCS_METRIC_STRICT: "true" })).code, 1);
  assert.equal((await run(["-"], "a 1\na 2\n", { BCS_METRIC_STRICT: "false" })).code, 0);
});

test("wrong arguments and unreadable files are errors of one line", async () => {
  await assert.rejects(run([]), OptionError);
  await assert.rejects(run(["a", "b"]), OptionError);
  await assert.rejects(run(["--format", "yaml", "-"]), OptionError);
  const missing = join(tmpdir(), "bcs-metric-no-such-file");
  const message = `Cannot read ${JSON.stringify(missing)}: there is no such file`;
  await assert.rejects(run([missing]), (error) => error instanceof UserError && error.message === message);
  await assert.rejects(run([tmpdir()]), { name: "UserError" });
});

test("a slow reader slows the output, which does not pile up", async () => {
  const count = 20_000;
  const lines = Array.from({ length: count }, (_, index) => `some_metric{index="${index}"} ${index}\n`);
  const { stdout } = await run(["-"], lines.join(""));
  assert.equal(stdout.text.split("\n").length, count + 1);
  assert.ok(stdout.text.length > 10 * stdout.waitingMax, `${stdout.waitingMax} characters were waiting`);
});

test("a reader that has seen enough is no failure, another fault of the output is one", async () => {
  const failing = (code: string): Writable =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) });
  const streams = { env: {}, stderr: new Collected() };
  const input = (): Readable => Readable.from([Buffer.from("a 1\n")]);
  assert.equal(await parseCommand(["-"], { ...streams, stdin: input(), stdout: failing("EPIPE") }), 0);
  await assert.rejects(parseCommand(["-"], { ...streams, stdin: input(), stdout: failing("ENOSPC") }), {
    code: "ENOSPC",
  });
});
