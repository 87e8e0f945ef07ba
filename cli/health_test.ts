import assert from "node:assert/strict";
import { test } from "node:test";
import { UserError } from "../core/errors.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { healthCommand } from "./health.ts";

async function serving(
  answer: (path: string) => Response,
  body: (url: string, asked: readonly string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const listener = await serveHttp({ host: "127.0.0.1", port: 0 }, (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    return answer(pathname);
  });
  try {
    await body(`http://127.0.0.1:${listener.address.port}`, asked);
  } finally {
    await listener.close();
  }
}

function output() {
  const printed: string[] = [];
  return { printed, print: (text: string) => void printed.push(text) };
}

test("what answers with 200 is well, at /healthz or at the path that was named", async () => {
  await serving(() => new Response("ok\n"), async (url, asked) => {
    assert.equal(await healthCommand([url], output()), 0);
    assert.equal(await healthCommand([`${url}/readyz`], output()), 0);
    assert.deepEqual(asked, ["/healthz", "/readyz"]);
  });
});

test("another status is told with its reason", async () => {
  await serving(() => new Response("not ready: starting\n", { status: 503 }), async (url) => {
    await assert.rejects(healthCommand([`${url}/readyz`], output()), {
      name: "UserError",
      message: `Cannot find ${url}/readyz well: HTTP 503 not ready: starting`,
    });
  });
});

test("without a URL the first usual port that answers counts", async () => {
  await serving(() => new Response("ok\n"), async (url) => {
    const { printed, print } = output();
    assert.equal(await healthCommand([], { print }, ["http://127.0.0.1:1", url]), 0);
    assert.deepEqual(printed, [`${url}/healthz is well\n`]);
    await assert.rejects(healthCommand([], { print }, ["http://127.0.0.1:1"]), UserError);
  });
});

test("an endless answer is not read to its end", async () => {
  await serving(() => new Response("x".repeat(100_000)), async (url) => {
    await assert.rejects(healthCommand([url], output()), UserError);
  });
});

test("what is no URL is refused", async () => {
  await assert.rejects(healthCommand(["7070"], output()), /Cannot ask "7070" for its health: it is no URL/);
});
