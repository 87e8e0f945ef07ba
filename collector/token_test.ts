import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { UserError } from "../core/errors.ts";
import { MemoryFileSystem } from "../core/runtime/memory_fs.ts";
import { systemEnv } from "../core/runtime/system_env.ts";
import { serveTarget } from "../core/scrape/testing/target_server.ts";
import { makeLogger } from "../core/telemetry/log.ts";
import { openToken } from "../core/tokens/own_token.ts";
import { makeTransport } from "./service_client/mod.ts";
import { ManualClock } from "./testing/manual_clock.ts";

class TokenBench {
  readonly fs = new MemoryFileSystem();
  readonly clock = new ManualClock();
  readonly messages: string[] = [];
  readonly log = makeLogger("test", "info", { write: (line) => void this.messages.push(JSON.parse(line).msg) });

  async write(text: string): Promise<void> {
    await this.fs.remove("/token");
    const handle = await this.fs.open("/token", "create");
    await handle.write(new TextEncoder().encode(text), 0);
    await handle.close();
  }

  async open(context: TestContext, text: string, environment: Record<string, string> = {}) {
    const token = await openToken(text, environment, this);
    context.after(() => token.close());
    return token;
  }

  /** Lets the file be looked at. */
  async pass(): Promise<void> {
    this.clock.advance(5000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a token is the text itself, or what the environment holds", async (context) => {
  const bench = new TokenBench();
  assert.equal((await bench.open(context, "secret")).current(), "secret");
  assert.equal((await bench.open(context, "")).current(), "");
  assert.equal(
    (await bench.open(context, "env:TOKEN", { TOKEN: "of the environment" })).current(),
    "of the environment",
  );
  for (const text of ["env:TOKEN", "env:", "file:/missing"]) {
    await assert.rejects(openToken(text, { TOKEN: "" }, bench), (error) => {
      assert.ok(error instanceof UserError);
      return error.message.startsWith(`Cannot use --token "${text}": `);
    });
  }
});

test("a token in a file is read again when it changes, and stays when the file cannot be read", async (context) => {
  const bench = new TokenBench();
  await bench.write("first\n");
  const token = await bench.open(context, "file:/token");
  assert.equal(token.current(), "first");
  await bench.write("second\n");
  assert.equal(token.current(), "first");
  await bench.pass();
  assert.equal(token.current(), "second");
  await bench.write("");
  await bench.pass();
  await bench.fs.remove("/token");
  await bench.pass();
  await bench.pass();
  assert.equal(token.current(), "second");
  assert.deepEqual(bench.messages, ["the token stays as it was", "the token stays as it was"], "once for each reason");
  await bench.write("third");
  await bench.pass();
  assert.equal(token.current(), "third");
  token.close();
  await bench.write("fourth");
  await bench.pass();
  assert.equal(token.current(), "third");
});

test("services are shown the token as it is now", async (context) => {
  const seen: (string | undefined)[] = [];
  const server = await serveTarget((request, response) => {
    seen.push(request.headers.authorization);
    response.end("{}");
  });
  let token = "first";
  const transport = makeTransport({ clock: systemEnv.clock, token: () => token });
  context.after(async () => {
    await transport.close();
    await server.close();
  });
  const url = `http://${server.address}`;
  const ask = () => transport.request({ url, method: "GET", path: "/v1/exporters", timeoutMs: 3000 });
  await ask();
  token = "second";
  await ask();
  token = "";
  await ask();
  token = "third";
  const ended = Promise.withResolvers<void>();
  transport.stream(url, "/v1/stream", {}, { opened() {}, data() {}, ended: () => ended.resolve() });
  await ended.promise;
  assert.deepEqual(seen, ["Bearer first", "Bearer second", undefined, "Bearer third"]);
});
