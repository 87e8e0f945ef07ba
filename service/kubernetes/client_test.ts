import assert from "node:assert/strict";
import { test } from "node:test";
import { systemEnv } from "../../core/runtime/system_env.ts";
import { fixedToken, type TokenSource } from "../clusters/access.ts";
import type { ApiClientOptions } from "../clusters/api_client.ts";
import { KubeClient } from "./client.ts";
import { ApiFault } from "./testing/answer.ts";
import { KubeApiServer } from "./testing/api_server.ts";

const pods = { method: "GET", path: "/api/v1/pods" } as const;

async function within(
  options: Partial<ApiClientOptions> & { readonly token?: TokenSource; readonly basePath?: string },
  body: (all: { readonly server: KubeApiServer; readonly client: KubeClient }) => Promise<void>,
): Promise<void> {
  const server = await KubeApiServer.start(options.basePath);
  const access = { server: server.url, insecureSkipVerify: false, token: options.token ?? fixedToken("secret") };
  const client = new KubeClient({ access, clock: systemEnv.clock, ...options });
  try {
    await body({ server, client });
  } finally {
    await client.close();
    await server.close();
  }
}

test("behind a tunnel every path has its prefix, and the token is shown", () =>
  within({ basePath: "/tunnels/clusters/abc" }, async ({ server, client }) => {
    const answer = await client.request(pods);
    assert.deepEqual(answer, { kind: "List", metadata: { resourceVersion: "100", continue: "" }, items: [] });
    assert.deepEqual([server.requests, server.authorization], [["GET /api/v1/pods"], "Bearer secret"]);
  }));

test("a refusal has status, reason, kind, and how long the server asks to be left in peace", () =>
  within({}, async ({ server, client }) => {
    const check = async (fault: ApiFault, kind: string, retryAfterMs: number | null = null) => {
      server.refuse = () => fault;
      const message = `HTTP ${fault.status}: ${fault.message}`;
      await assert.rejects(client.request(pods), {
        name: "ApiError",
        kind,
        status: fault.status,
        message,
        retryAfterMs,
      });
    };
    await check(new ApiFault(403, "Forbidden", "no"), "forbidden");
    await check(new ApiFault(409, "Conflict", "changed"), "conflict");
    await check(new ApiFault(422, "Invalid", "bad"), "invalid");
    await check(new ApiFault(404, "NotFound", "none"), "invalid");
    await check(new ApiFault(429, "TooManyRequests", "slow", 3), "unavailable", 3000);
    await check(new ApiFault(503, "ServiceUnavailable", "later", 999_999), "unavailable", 300_000);
  }));

test("a token that is refused is read anew, once", async () => {
  let [version, refusals] = [1, 0];
  const token = { current: () => Promise.resolve(`token-${version}`), refused: () => void (version++, refusals++) };
  await within({ token }, async ({ server, client }) => {
    server.refuse = () => server.authorization === "Bearer token-2" ? null : new ApiFault(401, "Unauthorized", "who?");
    await client.request(pods);
    assert.equal(refusals, 1);
    server.refuse = () => new ApiFault(401, "Unauthorized", "who?");
    await assert.rejects(client.request(pods), { status: 401, kind: "forbidden" });
    assert.equal(refusals, 2);
  });
});

test("an answer that does not end, or comes too late, is given up", async () => {
  await within({ answerBytesMax: 20 }, async ({ client }) => {
    await assert.rejects(client.request(pods), { name: "ApiError", kind: "unavailable", message: /exceeds 20 bytes/ });
  });
  await within({ timeoutMs: 50 }, async ({ server, client }) => {
    const silent = async () => {
      for await (const line of client.stream({ ...stream, silenceMs: 50, signal: new AbortController().signal })) {
        assert.fail(JSON.stringify(line));
      }
    };
    await assert.rejects(silent(), { name: "ApiError", message: /nothing came within 50 ms/ });
    assert.equal(server.requests.length, 1);
  });
});

const stream = { path: "/api/v1/pods", query: { watch: "true", resourceVersion: "100" } };

test("a server that is not there is unavailable, with the reason", () =>
  within({}, async ({ server, client }) => {
    await server.goAway();
    await assert.rejects(client.request(pods), { name: "ApiError", kind: "unavailable", status: 0 });
    await server.listen();
    await client.request(pods);
  }));
