import { Hono } from "hono";
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { MemoryStore } from "../../../core/store/memory_store.ts";
import { type Identity, identityKey } from "../../api/auth.ts";
import { approvalOf, testLinks, testNowMs } from "../testing/plans.ts";
import { Approvals } from "./approvals.ts";
import { approvalRoutes } from "./routes.ts";
import { transition } from "./transitions.ts";

let store: MemoryStore;
let approvals: Approvals;
let nowMs: number;
let who: Identity;

beforeEach(async () => {
  store = new MemoryStore();
  approvals = new Approvals(store);
  await approvals.add(approvalOf({ plan: { ...approvalOf().plan, reasons: ["<script>alert(1)</script>"] } }));
  nowMs = testNowMs;
  who = { name: "ops", role: "admin", namespaces: ["*"] };
});

async function ask(path: string, init: RequestInit = {}) {
  const app = new Hono();
  app.use(async (context, next) => {
    context.set(identityKey as never, who as never);
    await next();
  });
  app.route("/", approvalRoutes({ approvals, links: testLinks, clock: { wallMs: () => nowMs }, autoscale: () => [] }));
  const answer = await app.request(path, init);
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

function decide(action: string, hash = approvalOf().hash, headers: Record<string, string> = {}) {
  return ask(`/v1/approvals/plan-1/${action}`, { method: "POST", body: JSON.stringify({ hash }), headers });
}

function link(action: "approve" | "reject"): string {
  return testLinks.make(action, approvals.find("plan-1") ?? assert.fail()).slice("http://service.test".length);
}

test("plans are listed and shown to those who may read their namespace, without what links need", async () => {
  const list = JSON.parse((await ask("/v1/approvals?state=proposed")).text) as { approvals: { id: string }[] };
  assert.deepEqual(list.approvals.map(({ id }) => id), ["plan-1"]);
  const one = await ask("/v1/approvals/plan-1");
  assert.deepEqual([one.status, one.text.includes("nonce")], [200, false]);
  who = { name: "bank", role: "editor", namespaces: ["c1/bank"] };
  assert.deepEqual(JSON.parse((await ask("/v1/approvals")).text), { approvals: [] });
  assert.equal((await ask("/v1/approvals/plan-1")).status, 404);
  assert.equal((await ask("/v1/approvals?color=red")).status, 400);
});

test("an admin decides by the API, about exactly what was shown, and once", async () => {
  assert.equal((await decide("approve", "other")).status, 409);
  assert.equal((await ask("/v1/approvals/plan-1/approve", { method: "POST", body: "{" })).status, 400);
  assert.equal((await ask("/v1/approvals/none/approve", { method: "POST", body: '{"hash":"x"}' })).status, 404);
  assert.equal((await decide("approve", "x".repeat(2000))).status, 413);
  who = { name: "shop", role: "editor", namespaces: ["c1/shop"] };
  assert.equal((await decide("approve")).status, 403);
  who = { name: "ops", role: "admin", namespaces: ["*"] };
  const done = await decide("approve", undefined, { "user-agent": "bcs-metric-cli" });
  assert.deepEqual([done.status, JSON.parse(done.text)], [202, { id: "plan-1", state: "approved" }]);
  assert.deepEqual(approvals.find("plan-1")?.trail.slice(1).map(({ by, how }) => [by, how]), [["ops", "cli"]]);
  const again = await decide("reject");
  assert.equal(again.status, 409);
  assert.match(again.text, /it is approved since .*, by ops/);
});

test("looking at a link shows the plan, escaped, and decides nothing", async () => {
  const page = await ask(link("approve"));
  assert.equal(page.status, 200);
  assert.match(page.text, /&lt;script&gt;alert\(1\)/);
  assert.doesNotMatch(page.text, /<script|https?:\/\//);
  assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'none'.*frame-ancestors 'none'/);
  assert.equal(page.headers.get("referrer-policy"), "no-referrer");
  assert.equal(page.headers.get("cache-control"), "no-store");
  assert.equal(approvals.find("plan-1")?.state, "proposed");
});

test("a link's form decides once, with the name that was given", async () => {
  const path = link("approve");
  const reject = link("reject");
  const body = new URLSearchParams({ name: "  Ann <b>  " }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded", "x-forwarded-for": "10.1.1.1" };
  assert.equal((await ask(path, { method: "POST", body, headers })).status, 200);
  const line = approvals.find("plan-1")?.trail[1];
  assert.deepEqual([line?.state, line?.by, line?.how, line?.from], [
    "approved",
    '"Ann <b>", with the link',
    "link",
    "10.1.1.1",
  ]);
  for (const init of [{}, { method: "POST" }]) {
    for (const used of [path, reject]) {
      const again = await ask(used, init);
      assert.equal(again.status, 409);
      assert.match(again.text, /Ann &lt;b&gt;/);
    }
  }
});

test("a link that is foreign, changed, expired or void never acts, and says so", async () => {
  const path = link("approve");
  const post = (asked: string) => ask(asked, { method: "POST" });
  const foreign = [
    path.replace("plan-1", "plan-2"),
    path.replace("/approve", "/reject"),
    path.replace("expires=1", "expires=2"),
  ];
  for (const wrong of [...foreign, `${path}x`, "/approvals/plan-1/approve", path.replace("/approve", "/other")]) {
    const answer = await post(wrong);
    assert.equal(answer.status, 403, wrong);
    assert.doesNotMatch(answer.text, /collectors/);
  }
  nowMs = testNowMs + 3_600_000;
  assert.equal((await post(path)).status, 410);
  nowMs = testNowMs;
  assert.equal(approvals.find("plan-1")?.state, "proposed");
  const deed = { by: "svc", how: "service" as const, from: "", detail: "the rule is another one now", epoch: 1 };
  await approvals.change("plan-1", (present) => transition(present, "void", deed, nowMs));
  const gone = await post(path);
  assert.equal(gone.status, 409);
  assert.match(gone.text, /the rule is another one now/);
});

test("while the store is away nothing is decided, and it can be tried again", async () => {
  const path = link("approve");
  store.fail("away");
  assert.equal((await ask(path, { method: "POST" })).status, 503);
  assert.equal((await decide("approve")).status, 503);
  store.recover();
  assert.equal((await ask(path, { method: "POST" })).status, 200);
});
