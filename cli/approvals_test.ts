import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { UserError } from "../core/errors.ts";
import { HelpShown, OptionError } from "../core/options.ts";
import type { Listener } from "../core/runtime/env.ts";
import { serveHttp } from "../core/runtime/http.ts";
import { approvalsCommand } from "./approvals.ts";

const row = {
  id: "aaaaaaaa-111111111111",
  cluster: "c1",
  namespace: "shop",
  state: "proposed",
  from: 2,
  to: 3,
  reasons: ["mean cpu 80 % of a core, above 70"],
  targetsMoving: 2,
  hash: "0123456789abcdef",
  createdAtMs: 1,
  expiresAtMs: 2,
  changedAtMs: 1,
  by: "svc",
  detail: "",
};
const other = { ...row, id: "aaaaaaab-222222222222", namespace: "bank", state: "done", by: "ann" };
const shown = {
  id: row.id,
  clusterId: "c1",
  namespace: "shop",
  state: "proposed",
  hash: row.hash,
  expiresAtMs: 1_700_000_000_000,
  plan: {
    from: 2,
    to: 3,
    reasons: row.reasons,
    moves: [{ metric: "cart", address: "10.0.0.1:80", from: "one-0", to: "one-2" }],
    moveCount: 2,
    predicted: [{ collector: "one-2", targetsBefore: 0, targets: 2, cpuPercent: 50, memoryMiB: null }],
  },
  trail: [{ atMs: 1_600_000_000_000, state: "proposed", by: "svc\u001b[31m", how: "service", from: "", detail: "why" }],
  notices: { hub: { state: "proposed", outcome: "retrying", reason: "HTTP 503" } },
};

let listener: Listener | null = null;
let server = "";
let posts: { readonly path: string; readonly body: unknown; readonly agent: string | null }[] = [];
let refusal: Response | null = null;

beforeEach(async () => {
  [posts, refusal] = [[], null];
  listener = await serveHttp({ host: "127.0.0.1", port: 0 }, async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "POST") {
      posts.push({ path: pathname, body: await request.json(), agent: request.headers.get("user-agent") });
      return refusal ?? Response.json({}, { status: 202 });
    }
    if (pathname !== "/v1/approvals") return Response.json(shown);
    const namespace = searchParams.get("namespace");
    return Response.json({
      approvals: [row, other].filter((one) => namespace === null || one.namespace === namespace),
    });
  });
  server = `http://127.0.0.1:${listener.address.port}`;
});
afterEach(() => listener?.close());

async function run(...argv: string[]): Promise<string> {
  let printed = "";
  const output = { print: (text: string) => void (printed += text), complain: () => {} };
  assert.equal(await approvalsCommand([...argv, "--server", server], output), 0);
  return printed;
}

test("plans are listed for people and for scripts, of one namespace if that is asked", async () => {
  assert.equal(
    await run("list"),
    [
      "ID                     CLUSTER  NAMESPACE  STATE     FROM  TO  MOVES  BY   REASON",
      "aaaaaaaa-111111111111  c1       shop       proposed     2   3      2  svc  mean cpu 80 % of a core, above 70",
      "aaaaaaab-222222222222  c1       bank       done         2   3      2  ann  mean cpu 80 % of a core, above 70",
      "",
    ].join("\n"),
  );
  assert.deepEqual(JSON.parse(await run("list", "--namespace", "shop", "--output", "json")), { approvals: [row] });
});

test("one plan is shown with everything that is known of it, and nothing that a terminal would obey", async () => {
  assert.equal(
    await run("show", "aaaaaaaa"),
    [
      "plan aaaaaaaa-111111111111 of c1/shop: from 2 to 3 collectors, proposed",
      "hash 0123456789abcdef, expires 2023-11-14T22:13:20.000Z",
      "",
      "because  mean cpu 80 % of a core, above 70",
      "load     one-2: from 0 to 2 targets, CPU about 50 %",
      "move     cart 10.0.0.1:80: one-0 to one-2",
      "move     and 1 more",
      "trail    2020-09-13T12:26:40.000Z proposed by svc [31m (service): why",
      "told     hub: proposed retrying: HTTP 503",
      "",
    ].join("\n"),
  );
});

test("a plan is decided by its id, about the hash that was listed, and the service hears that it was the command", async () => {
  assert.equal(
    await run("approve", "aaaaaaaa"),
    "approved plan aaaaaaaa-111111111111: c1/shop from 2 to 3 collectors\n",
  );
  assert.equal(JSON.parse(await run("reject", other.id, "--output", "json")).outcome, "rejected");
  assert.deepEqual(posts, [
    { path: `/v1/approvals/${row.id}/approve`, body: { hash: row.hash }, agent: "bcs-metric-cli" },
    { path: `/v1/approvals/${other.id}/reject`, body: { hash: row.hash }, agent: "bcs-metric-cli" },
  ]);
});

test("what is not there, not clear or refused is an error", async () => {
  await assert.rejects(run("approve", "bbbbbbbb"), UserError);
  await assert.rejects(run("approve", "aaaaaaa"), /it is|is meant: aaaaaaaa-1+, aaaaaaab-2+/);
  await assert.rejects(run("approve", "aaa"), OptionError);
  await assert.rejects(run("approve"), OptionError);
  await assert.rejects(run("confirm"), OptionError);
  await assert.rejects(run("--help"), HelpShown);
  assert.deepEqual(posts, []);
  refusal = Response.json({ title: "Cannot be decided", detail: "it is void" }, { status: 409 });
  await assert.rejects(
    run("approve", "aaaaaaaa"),
    /^UserError: Cannot approve plan "aaaaaaaa-1+": Cannot be decided: it is void/,
  );
});
