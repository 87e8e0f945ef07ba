import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { serveHttp } from "../core/runtime/http.ts";
import { deadLettersCommand } from "./dead_letters.ts";
import { ledgerCommand } from "./ledger.ts";

interface Printed {
  code: number;
  text: string;
  complaints: string[];
}

type Command = typeof ledgerCommand;

/** Runs a command against a server that answers each path with this JSON. */
async function run(command: Command, answers: Readonly<Record<string, unknown>>, ...argv: string[]): Promise<Printed> {
  const listener = await serveHttp({ host: "127.0.0.1", port: 0 }, (request) => {
    const answer = answers[new URL(request.url).pathname];
    return answer === undefined ? Response.json({ error: "no such thing" }, { status: 404 }) : Response.json(answer);
  });
  const url = `http://127.0.0.1:${listener.address.port}`;
  const printed: Printed = { code: -1, text: "", complaints: [] };
  try {
    printed.code = await command(argv.map((one) => one === "URL" ? url : one), {
      print: (text) => void (printed.text += text),
      complain: (line) => void printed.complaints.push(line),
    });
  } finally {
    await listener.close();
  }
  return printed;
}

const none = { entries: 0, samples: 0 };
const sink = {
  name: "file",
  type: "file",
  taken: 10,
  delivered: { entries: 7, samples: 70 },
  rejected: { entries: 1, samples: 1 },
  notCarried: none,
  notRouted: none,
  lost: none,
  held: 2,
  declared: { entries: 3, samples: 30 },
  balanced: true,
  oldestHeldMs: null,
  alarm: false,
  lastError: null,
};
const exporter = { exporter: "e", nowMs: 1, logEntries: 10, balanced: true, sinks: [sink] };
const total = {
  name: "file",
  taken: 10,
  delivered: 7,
  rejected: 1,
  notCarried: 0,
  notRouted: 0,
  lost: 0,
  held: 2,
  declared: 3,
  balanced: true,
};
const service = { balanced: true, complete: true, sinks: [total], exporters: [], unreachable: [], collectors: [] };

test("the table of a sink adds up", async () => {
  const want = "SINK  TAKEN  DELIVERED  REJECTED  NOT CARRIED  NOT ROUTED  LOST  HELD  BALANCED  LOST BEFORE\n"
    + "file     10          7         1            0           0     0     2  yes                 3\n";
  for (const [option, answer] of [["--exporter", exporter], ["--server", service]] as const) {
    const { code, text, complaints } = await run(ledgerCommand, { "/v1/ledger": answer }, option, "URL");
    assert.deepEqual([code, text, complaints], [0, want, []]);
  }
});

test("sums that do not agree, and an exporter that is not heard, are failures", async () => {
  const wrong = { ...exporter, sinks: [{ ...sink, held: 3 }] };
  const first = await run(ledgerCommand, { "/v1/ledger": wrong }, "--exporter", "URL");
  assert.deepEqual([first.code, first.complaints], [1, ['bcs-metric: the sums of sink "file" do not agree']]);
  const away = { ...service, complete: false, unreachable: [{ exporter: "e2", reason: "refused" }] };
  const second = await run(ledgerCommand, { "/v1/ledger": away }, "--server", "URL", "--output", "json");
  assert.deepEqual([second.code, second.complaints], [1, ['bcs-metric: Cannot ask exporter "e2": refused']]);
  assert.deepEqual(JSON.parse(second.text), away);
});

const letter = { rejectedMs: 0, reason: "HTTP 400", timestampMs: 1000, origin: null };

test("dead letters are listed from a running exporter, and sent again", async () => {
  const answers = {
    "/v1/dead-letters/tsdb": { total: 1, letters: [letter] },
    "/v1/dead-letters/tsdb/resend": { delivered: { entries: 2, samples: 9 }, rejected: none, left: none, reason: null },
  };
  const listed = await run(deadLettersCommand, answers, "list", "--sink", "tsdb", "--exporter", "URL");
  assert.match(listed.text, /1970-01-01T00:00:00.000Z {2}1970-01-01T00:00:01.000Z {2}- +HTTP 400\n$/);
  const resent = await run(deadLettersCommand, answers, "resend", "--sink", "tsdb", "--exporter", "URL");
  assert.deepEqual([resent.code, resent.text], [0, "2 delivered, 0 refused again, 0 left\n"]);
  const unknown = run(deadLettersCommand, {}, "list", "--sink", "none", "--exporter", "URL");
  await assert.rejects(unknown, { name: "UserError", message: /no such thing/ });
});

test("dead letters that stay are a failure", async () => {
  const result = { delivered: none, rejected: { entries: 1, samples: 1 }, left: none, reason: "HTTP 400" };
  const { code, complaints } = await run(
    deadLettersCommand,
    { "/v1/dead-letters/tsdb/resend": result },
    "resend",
    "--sink",
    "tsdb",
    "--exporter",
    "URL",
  );
  assert.deepEqual([code, complaints], [1, ["bcs-metric: HTTP 400"]]);
});

test("dead letters are read from a data folder", async () => {
  const data = await mkdtemp(join(tmpdir(), "dead-letters-"));
  try {
    await mkdir(join(data, "dead-letter"));
    await writeFile(join(data, "dead-letter", "tsdb.jsonl"), `${JSON.stringify(letter)}\n{"torn`);
    const { text } = await run(deadLettersCommand, {}, "show", "--sink", "tsdb", "--data", data);
    assert.equal(text, `${JSON.stringify(letter)}\n`);
  } finally {
    await rm(data, { recursive: true });
  }
});
