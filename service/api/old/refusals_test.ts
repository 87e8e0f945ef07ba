import { Hono } from "hono";
import assert from "node:assert/strict";
import { test } from "node:test";
import { localAdmin } from "../auth.ts";
import { authenticate } from "../authenticate.ts";
import { oldRefusals } from "./answer.ts";
import { failed } from "./testing/old_app.ts";

/** As the application has it: the refusals around the authentication, and that around every route. */
function appWith(tokens: readonly string[] | null): Hono {
  const app = new Hono();
  app.use("/api/v1/metric/*", oldRefusals());
  app.use(authenticate(
    tokens === null ? null : {
      find: (token) => tokens.includes(token) ? localAdmin : null,
      onChange: () => () => {},
    },
  ));
  app.get("/api/v1/metric/x", (context) => context.text("served"));
  app.get("/v1/x", (context) => context.text("served"));
  return app;
}

test("who has no valid token is told so in the old envelope, with the challenge of HTTP", async () => {
  const app = appWith(["right"]);
  const check = async (headers: Record<string, string>, message: string) => {
    const answer = await app.request("http://127.0.0.1/api/v1/metric/x", { headers });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("www-authenticate"), "Bearer");
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.equal(await answer.text(), failed(1405059, `unauthorized: ${message}`));
  };
  await check({}, "send a token, as Authorization: Bearer TOKEN");
  await check({ "x-bcs-user-token": "wrong" }, "the token is not valid");
});

test("the token of bcs-client is taken in the header of the gateway, too", async () => {
  const app = appWith(["right"]);
  for (const headers of [{ "X-Bcs-User-Token": "right" }, { Authorization: "Bearer right" }]) {
    const answer = await app.request("http://127.0.0.1/api/v1/metric/x", { headers });
    assert.deepEqual([answer.status, await answer.text()], [200, "served"]);
  }
});

test("who may not ask at all is told so in the old envelope, and others as ever", async () => {
  const app = appWith(null);
  const headers = { origin: "http://elsewhere.example" };
  const old = await app.request("http://127.0.0.1/api/v1/metric/x", { headers });
  assert.equal(old.status, 403);
  const why = "without tokens only this machine is served, by its loopback address";
  assert.equal(await old.text(), failed(1405058, `bcs auth check no authority: ${why}`));
  const native = await app.request("http://127.0.0.1/v1/x", { headers });
  assert.equal(native.headers.get("content-type"), "application/problem+json");
});
