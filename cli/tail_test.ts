import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { UserError } from "../core/errors.ts";
import { OptionError } from "../core/options.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { tailCommand } from "./tail.ts";

const sample = { name: "up", labels: { instance: "10.0.0.1:9100" }, value: 1, timestampMs: 1_700_000_000_000 };

/** A server that answers with `answer`; returns its URL and the requests that came. */
async function serve(context: TestContext, answer: (url: URL) => Response) {
  const requests: { readonly url: URL; readonly authorization: string | null }[] = [];
  const listener = await serveHttp({ host: "127.0.0.1", port: 0 }, (request) => {
    const url = new URL(request.url);
    requests.push({ url, authorization: request.headers.get("authorization") });
    return answer(url);
  });
  context.after(() => listener.close());
  return { url: `http://127.0.0.1:${listener.address.port}`, port: listener.address.port, requests };
}

async function run(...argv: string[]) {
  let printed = "";
  const complaints: string[] = [];
  const output = { print: (text: string) => printed += text, complain: (line: string) => complaints.push(line) };
  const code = await tailCommand(argv, output);
  return { code, printed, complaints };
}

function lines(...values: unknown[]): Response {
  return new Response(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}

test("samples of all exporters that the service knows are shown as an exposition would", async (context) => {
  const exporter = await serve(context, () => lines(sample, { ...sample, value: "NaN" }));
  const record = { ip: "127.0.0.1", metric_port: exporter.port, scheme: "http" };
  const service = await serve(context, () => Response.json({ exporters: [record] }));
  const { code, printed } = await run("--server", service.url, "--token", "secret", "--count", "2");
  assert.equal(code, 0);
  assert.equal(
    printed,
    '2023-11-14T22:13:20.000Z up{instance="10.0.0.1:9100"} 1\n'
      + '2023-11-14T22:13:20.000Z up{instance="10.0.0.1:9100"} NaN\n',
  );
  assert.equal(exporter.requests[0]?.authorization, "Bearer secret");
});

test("what is asked for goes to the exporter", async (context) => {
  const { url, requests } = await serve(context, () => lines(sample));
  const { printed } = await run(
    ..."--name up,cart_* --namespace shop --label team=trade --samples-per-second 5 --count 1".split(" "),
    "--exporter",
    url,
    "--output",
    "json",
  );
  assert.deepEqual(JSON.parse(printed), sample);
  const [asked] = requests;
  assert.equal(asked?.url.pathname, "/v1/tail");
  assert.deepEqual([...asked.url.searchParams], [
    ["name", "up"],
    ["name", "cart_*"],
    ["namespace", "shop"],
    ["label", "team=trade"],
    ["samplesPerSecond", "5"],
  ]);
});

test("what was left out is told apart from the samples, and an ended stream is asked for again", async (context) => {
  let answers = 0;
  const { url } = await serve(context, () => {
    answers++;
    return answers === 1 ? lines({ notice: "left out: more than 1 a second", samples: 7 }) : lines(sample);
  });
  const { printed, complaints } = await run("--exporter", url, "--count", "1");
  assert.match(printed, /^\S+ up\{/);
  assert.deepEqual(complaints, [
    `${url}: left out: more than 1 a second (7 samples)`,
    `${url} has ended the stream; asking again`,
  ]);
});

test("a refusal, no exporter and a wrong option are told in one line", async (context) => {
  const { url } = await serve(context, () => Response.json({ exporters: [] }));
  const refusing = await serve(context, () => Response.json({ error: "8 tails are open already" }, { status: 429 }));
  const tell = async (...argv: string[]) => {
    const errors: unknown[] = [];
    const { error } = console;
    console.error = (line: unknown) => errors.push(line);
    try {
      return [(await run(...argv)).code, ...errors];
    } finally {
      console.error = error;
    }
  };
  assert.match((await tell("--exporter", refusing.url)).join(" "), /^1 .*HTTP 429 .*8 tails are open already/);
  assert.match((await tell("--server", url)).join(" "), /^1 .*knows none; name one with --exporter/);
  await assert.rejects(run("--count", "0"), (error) => error instanceof OptionError || error instanceof UserError);
});
