import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryStore } from "../../../core/store/memory_store.ts";
import { makeLogger } from "../../../core/telemetry/log.ts";
import { Approvals } from "../approvals/approvals.ts";
import { transition } from "../approvals/transitions.ts";
import { approvalOf, testLinks, testNowMs } from "../testing/plans.ts";
import { Delivery } from "./delivery.ts";
import { type Message, type Notifier, NotifyError } from "./notifier.ts";

const deed = { by: "ann", how: "api" as const, from: "", detail: "", epoch: 0 };

class Bench {
  readonly store = new MemoryStore();
  readonly approvals = new Approvals(this.store);
  readonly outcomes: string[] = [];
  nowMs = testNowMs;
  leads = true;

  delivery(...notifiers: Notifier[]): Delivery {
    return new Delivery(notifiers, {
      approvals: this.approvals,
      links: testLinks,
      log: makeLogger("test", "silent"),
      wallMs: () => this.nowMs,
      mayAct: () => this.leads,
      onOutcome: (name, outcome) => void this.outcomes.push(`${name} ${outcome}`),
    });
  }

  move(state: "approved" | "rejected") {
    return this.approvals.change("plan-1", (present) => transition(present, state, deed, this.nowMs));
  }
}

/** Throws the errors one after another, then takes everything. */
function notifier(name: string, ...errors: Error[]): Notifier & { readonly got: Message[] } {
  const got: Message[] = [];
  return {
    name,
    got,
    notify(message) {
      const error = errors.shift();
      if (error !== undefined) return Promise.reject(error);
      got.push(message);
      return Promise.resolve();
    },
  };
}

test("each notifier hears once of a proposal and once of its end, also from the next leader", async () => {
  const bench = new Bench();
  const one = notifier("one");
  await bench.approvals.add(approvalOf());
  for (let run = 0; run < 2; run++) await bench.delivery(one).run();
  await bench.move("approved");
  await bench.delivery(one).run();
  assert.deepEqual(one.got.map(({ id }) => id), ["plan-1-proposed"]);
  const other = new Bench();
  await other.approvals.add(approvalOf());
  await other.delivery(one).run();
  await other.move("rejected");
  await other.delivery(one).run();
  assert.deepEqual(one.got.slice(1).map(({ id, links }) => [id, links === null]), [
    ["plan-1-proposed", false],
    ["plan-1-rejected", true],
  ]);
});

test("a failure is noted and tried again with growing pauses, and holds up no other notifier", async () => {
  const bench = new Bench();
  const bad = notifier(
    "bad",
    new NotifyError("transient", "away"),
    new Error("odd"),
    new NotifyError("transient", "busy", 90_000),
  );
  const good = notifier("good");
  const delivery = bench.delivery(bad, good);
  await bench.approvals.add(approvalOf());
  await delivery.run();
  assert.deepEqual(bench.approvals.find("plan-1")?.notices["bad"], {
    state: "proposed",
    outcome: "retrying",
    attempts: 1,
    atMs: testNowMs,
    reason: "away",
  });
  assert.deepEqual([good.got.length, bad.got.length], [1, 0]);
  for (const [afterMs, attempts] of [[1999, 1], [1, 2], [3999, 2], [1, 3], [89_999, 3], [1, 4]] as const) {
    bench.nowMs += afterMs;
    await delivery.run();
    assert.equal(bench.approvals.find("plan-1")?.notices["bad"]?.attempts, attempts, `after ${afterMs} ms more`);
  }
  assert.equal(bad.got.length, 1);
  assert.deepEqual(bench.outcomes.filter((one) => one.startsWith("bad")), [
    "bad retrying",
    "bad retrying",
    "bad retrying",
    "bad sent",
  ]);
});

test("what needs a human is not tried again", async () => {
  const bench = new Bench();
  const bad = notifier("bad", new NotifyError("permanent", "errcode 93000"));
  await bench.approvals.add(approvalOf());
  await bench.delivery(bad).run();
  bench.nowMs += 3_000_000;
  await bench.delivery(bad).run();
  assert.deepEqual([bad.got.length, bench.outcomes], [0, ["bad failed"]]);
});

test("who does not lead tells nobody, and old ends are no news", async () => {
  const bench = new Bench();
  const one = notifier("one");
  await bench.approvals.add(approvalOf());
  bench.leads = false;
  await bench.delivery(one).run();
  await bench.move("rejected");
  bench.leads = true;
  bench.nowMs += 3_600_001;
  await bench.delivery(one).run();
  assert.deepEqual(one.got, []);
});

test("what was told while the store is away is not told again and again", async () => {
  const bench = new Bench();
  const one = notifier("one");
  const delivery = bench.delivery(one);
  await bench.approvals.add(approvalOf());
  bench.store.fail("away");
  for (let run = 0; run < 3; run++) await delivery.run();
  assert.equal(one.got.length, 1);
});
