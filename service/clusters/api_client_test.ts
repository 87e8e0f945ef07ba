import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { HttpHost, type MockAnswer, type MockRequest } from "../mesos/testing/http_host.ts";
import type { TokenSource } from "./access.ts";
import { ApiClient, type ApiClientOptions } from "./api_client.ts";

async function within(
  answer: (request: MockRequest) => MockAnswer,
  body: (client: ApiClient, host: HttpHost) => Promise<void>,
  over: Partial<ApiClientOptions> & { readonly token?: TokenSource } = {},
): Promise<void> {
  const host = new HttpHost(answer);
  await host.listen();
  const { token = { current: () => Promise.resolve("t"), refused() {} }, ...rest } = over;
  const client = new ApiClient({
    access: { server: `${host.url}/base`, token },
    clock: systemEnv.clock,
    tokenHeader: (text) => ({ authorization: text }),
    ...rest,
  });
  try {
    await body(client, host);
  } finally {
    await client.close();
    await host.goAway();
  }
}

test("an answer without a body is nothing, and one that is no JSON is told", async () => {
  await within(
    ({ path }) => ({ status: 200, ...(path === "/base/empty" ? {} : { body: { a: 1 } }) }),
    async (client) => {
      assert.equal(await client.request({ method: "GET", path: "/empty" }), undefined);
      assert.deepEqual(await client.request({ method: "GET", path: "/full", query: [["a", "b c"]] }), { a: 1 });
    },
  );
});

test("a token that is refused is read anew, once", async () => {
  const given = ["old", "new"];
  const token = { current: () => Promise.resolve(given[0] ?? ""), refused: () => void given.shift() };
  await within(
    ({ headers }) => ({ status: headers.authorization === "new" ? 200 : 401, body: {} }),
    async (client, host) => {
      await client.request({ method: "GET", path: "/" });
      assert.equal(host.requests.length, 2);
    },
    { token },
  );
});

test("nothing takes longer or is longer than it may", async () => {
  const kinds: string[] = [];
  const over = { timeoutMs: 100, answerBytesMax: 1000, onFailure: (kind: string) => void kinds.push(kind) };
  await within(
    ({ path }) => path === "/base/never" ? { stream() {} } : { status: 200, body: "x".repeat(2000) },
    async (client) => {
      const check = (path: string, message: RegExp) =>
        assert.rejects(client.request({ method: "GET", path }), { name: "ApiError", kind: "unavailable", message });
      await check("/never", /nothing came within 100 ms/);
      await check("/long", /the answer exceeds 1000 bytes/);
      const read = async () => {
        const signal = new AbortController().signal;
        const request = { method: "GET", path: "/never", silenceMs: 50, signal } as const;
        for await (const chunk of client.stream(request, (bytes) => [bytes])) void chunk;
      };
      await assert.rejects(read(), { message: /nothing came within 50 ms/ });
    },
    over,
  );
  assert.deepEqual(kinds, ["unavailable", "unavailable", "unavailable"]);
});
