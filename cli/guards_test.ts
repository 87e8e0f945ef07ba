import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { UserError } from "../core/errors.ts";
import { HelpShown, OptionError } from "../core/options.ts";
import type { Listener } from "../core/runtime/env.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { guardsCommand } from "./guards.ts";

const shop = {
  clusterId: "c1",
  namespace: "shop",
  reason: "it removes 30 of 30 targets at once",
  targetsBefore: 30,
  targetsAfter: 0,
  metricsGone: ["cart", "till"],
  hash: "0123456789abcdef",
  confirmed: "",
  confirmedBy: "",
};
const bank = { ...shop, namespace: "bank", hash: "fedcba9876543210", confirmed: "fedcba", confirmedBy: "ann" };

let listener: Listener | null = null;
let server = "";
let guards: unknown[] = [];
let posts: { readonly path: string; readonly body: unknown }[] = [];
let refusal: Response | null = null;

beforeEach(async () => {
  [guards, posts, refusal] = [[shop, bank], [], null];
  listener = await serveHttp({ host: "127.0.0.1", port: 0 }, async (request) => {
    if (request.method === "GET") return Response.json({ guards });
    posts.push({ path: new URL(request.url).pathname, body: await request.json() });
    return refusal ?? Response.json({}, { status: 202 });
  });
  server = `http://127.0.0.1:${listener.address.port}`;
});
afterEach(() => listener?.close());

async function run(...argv: string[]): Promise<string> {
  let printed = "";
  const output = { print: (text: string) => void (printed += text), complain: () => {} };
  assert.equal(await guardsCommand([...argv, "--server", server], output), 0);
  return printed;
}

test("what is held is listed for people and for scripts, of one namespace if that is asked", async () => {
  assert.equal(
    await run("list"),
    [
      "HASH          CLUSTER  NAMESPACE  BEFORE  AFTER  METRICS GONE  CONFIRMED BY  REASON",
      "0123456789ab  c1       shop           30      0  cart,till     -             it removes 30 of 30 targets at once",
      "fedcba987654  c1       bank           30      0  cart,till     ann           it removes 30 of 30 targets at once",
      "",
    ].join("\n"),
  );
  assert.deepEqual(JSON.parse(await run("list", "--namespace", "shop", "--output", "json")), { guards: [shop] });
  assert.match(await run("list", "--output", "yaml"), /^guards:\n {2}- clusterId: c1\n/);
});

test("a change is confirmed or discarded by the hash that was shown", async () => {
  assert.equal(await run("confirm", "0123456789ab"), "confirmed the change of c1/shop from 30 to 0 targets\n");
  const printed = await run("discard", "fedcba", "--output", "json");
  assert.deepEqual(JSON.parse(printed), {
    outcome: "discarded",
    clusterId: "c1",
    namespace: "bank",
    hash: bank.hash,
  });
  assert.deepEqual(posts, [
    { path: "/v1/guards/c1/shop/confirm", body: { hash: shop.hash } },
    { path: "/v1/guards/c1/bank/discard", body: { hash: bank.hash } },
  ]);
});

test("what is not held, not clear, or refused is an error, and nothing else is confirmed instead", async () => {
  await assert.rejects(run("confirm", "abcdef"), UserError);
  await assert.rejects(run("confirm", "0123456789ab", "--namespace", "bank"), UserError);
  await assert.rejects(run("confirm"), OptionError);
  await assert.rejects(run("confirm", "0"), OptionError);
  await assert.rejects(run("confirm", "0123456789ab", "fedcba987654"), OptionError);
  await assert.rejects(run("approve"), OptionError);
  await assert.rejects(run("--help"), HelpShown);
  guards = [shop, { ...bank, hash: shop.hash }];
  await assert.rejects(run("confirm", "0123456789ab"), /c1\/shop, c1\/bank; give --namespace/);
  assert.deepEqual(posts, []);
  guards = [shop];
  refusal = Response.json({ title: "Something else is held", detail: "look again" }, { status: 409 });
  await assert.rejects(run("confirm", "0123456789ab"), /^UserError: Cannot confirm the change of c1\/shop: /);
});
