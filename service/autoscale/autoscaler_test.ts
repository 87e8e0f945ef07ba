import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import { isOpen } from "./approvals/approval.ts";
import { closedMax } from "./autoscaler.ts";
import { completionMsMax } from "./executor.ts";
import { approvalOf } from "./testing/plans.ts";
import { ScalingWorld, type SimulatedService } from "./testing/scaling_world.ts";

const ann = { by: "ann", how: "api" as const, from: "" };

async function worldWith(over: Partial<ScalingWorld> = {}, mode: "propose" | "auto" = "propose") {
  const world = Object.assign(new ScalingWorld(), over);
  return { world, service: await world.add(mode) };
}

async function looks(service: SimulatedService, count = 1): Promise<void> {
  for (let look = 0; look < count; look++) await service.autoscaler.look();
}

function statesOf(service: SimulatedService): string[] {
  return service.approvals.all().toReversed().map(({ state }) => state);
}

async function approveOpen(service: SimulatedService): Promise<void> {
  const [open] = service.approvals.open();
  assert.ok(open !== undefined, "there is a plan");
  assert.equal((await service.decider.decide(open.id, "approve", open.hash, ann)).ok, true);
}

test("high usage is proposed, approved, written once, and done when the collectors are there", async () => {
  const { world, service } = await worldWith({ cpuPercent: 90 });
  await looks(service, 3);
  assert.deepEqual([statesOf(service), service.replicas, world.written.length], [["proposed"], 2, 0]);
  await approveOpen(service);
  world.cpuPercent = 50;
  world.alive = (wished) => wished.slice(0, 2);
  await looks(service, 3);
  assert.deepEqual([statesOf(service), service.replicas, world.written.length], [["executing"], 3, 1]);
  world.alive = (wished) => wished;
  await looks(service);
  assert.deepEqual([statesOf(service), world.written.length], [["done"], 1]);
  const [done] = service.approvals.all();
  assert.deepEqual(done?.trail.map(({ state, by, epoch }) => [state, by, epoch]), [
    ["proposed", "service-0", 1],
    ["approved", "ann", 0],
    ["executing", "service-0", 1],
    ["done", "service-0", 1],
  ]);
});

test("fewer collectors go the same way", async () => {
  const { world, service } = await worldWith({ cpuPercent: 5, declared: 3 });
  await looks(service);
  await approveOpen(service);
  world.cpuPercent = 50;
  await looks(service, 3);
  assert.deepEqual([statesOf(service), service.replicas], [["done"], 2]);
});

test("with auto it approves itself, which the trail says", async () => {
  const { world, service } = await worldWith({ cpuPercent: 90 }, "auto");
  await looks(service);
  world.cpuPercent = 50;
  await looks(service, 3);
  assert.deepEqual([statesOf(service), service.replicas], [["done"], 3]);
  assert.deepEqual(service.approvals.all()[0]?.trail[1]?.how, "auto");
});

test("a plan is void when its inputs change, before and after it was approved, and nothing is done", async () => {
  const { world, service } = await worldWith({ cpuPercent: 90 });
  await looks(service);
  world.generation = 8;
  world.cpuPercent = 50;
  await looks(service);
  assert.deepEqual(statesOf(service), ["void"]);
  assert.match(service.approvals.all()[0]?.trail[1]?.detail ?? "", /generation 8 now, not 7/);
  world.cpuPercent = 90;
  world.clock.advance(1000);
  await looks(service);
  await approveOpen(service);
  world.rule = null;
  await looks(service, 2);
  assert.deepEqual([statesOf(service), world.written], [["void", "void"], []]);
});

test("what nobody decides expires, and a new plan comes only after the pause", async () => {
  const { world, service } = await worldWith({ cpuPercent: 90 });
  if (world.rule !== null) world.rule = { ...world.rule, cooldownSeconds: 600 };
  await looks(service);
  world.clock.advance(3_600_000);
  await looks(service, 2);
  assert.deepEqual(statesOf(service), ["expired"]);
  assert.match(service.autoscaler.rows()[0]?.detail ?? "", /cooling down for another 600 s/);
  world.clock.advance(600_000);
  await looks(service);
  assert.deepEqual(statesOf(service), ["expired", "proposed"]);
});

test("collectors that do not come make it a failed one; the number stays", async () => {
  const { world, service } = await worldWith({ cpuPercent: 90 });
  await looks(service);
  await approveOpen(service);
  world.cpuPercent = 50;
  world.alive = (wished) => wished.slice(0, 2);
  await looks(service);
  world.clock.advance(completionMsMax + 1);
  await looks(service);
  const [failed] = service.approvals.all();
  assert.deepEqual([failed?.state, service.replicas], ["failed", 3]);
  assert.match(failed?.trail.at(-1)?.detail ?? "", /1 of 3 collectors are not there, such as one-2/);
});

test("while a change of the namespace is held its plans wait, and nothing counts as failed", async () => {
  const { world, service } = await worldWith({ cpuPercent: 90 });
  await looks(service);
  world.isHeld = true;
  await looks(service, 2);
  assert.deepEqual(statesOf(service), ["proposed"]);
  world.isHeld = false;
  await approveOpen(service);
  world.cpuPercent = 50;
  world.alive = (wished) => wished.slice(0, 2);
  await looks(service);
  world.isHeld = true;
  for (let passedMs = 0; passedMs <= 2 * completionMsMax; passedMs += completionMsMax / 2) {
    world.clock.advance(completionMsMax / 2);
    await looks(service);
  }
  world.isHeld = false;
  await looks(service);
  assert.deepEqual(statesOf(service), ["executing"]);
  world.clock.advance(completionMsMax + 1);
  await looks(service);
  assert.deepEqual(statesOf(service), ["failed"]);
});

test("a plan of a namespace that is held expires like any other", async () => {
  const { world, service } = await worldWith({ cpuPercent: 90 });
  await looks(service);
  world.isHeld = true;
  world.clock.advance(3_600_001);
  await looks(service);
  assert.deepEqual(statesOf(service), ["expired"]);
});

test("the documents have the word again once they say another number, also when they say the old one later", async () => {
  const { world, service } = await worldWith({ cpuPercent: 90 });
  await looks(service);
  await approveOpen(service);
  world.cpuPercent = 50;
  await looks(service, 2);
  assert.equal(service.replicas, 3);
  world.declared = 4;
  assert.equal(service.replicas, 4);
  await looks(service);
  world.declared = 2;
  assert.equal(service.replicas, 2);
});

test("nothing is proposed without data, while targets move, without a rule, and by who does not lead", async () => {
  const check = async (over: Partial<ScalingWorld>, detail: RegExp | null) => {
    const { service } = await worldWith({ cpuPercent: 90, ...over });
    await looks(service, 3);
    assert.deepEqual(statesOf(service), []);
    const [row] = service.autoscaler.rows();
    if (detail === null) assert.equal(row, undefined);
    else assert.match(row?.detail ?? "", detail);
  };
  await check({ cpuPercent: null }, /no data of 2 of 2/);
  await check({ unsettled: "3 targets are being handed over" }, /3 targets are being handed over/);
  await check({ rule: null }, null);
  await check({ leader: 5 }, null);
});

test("closed plans are kept up to their limit, and the oldest go", async () => {
  const { service } = await worldWith();
  for (let index = 0; index < closedMax + 3; index++) {
    await service.approvals.add(approvalOf({ id: `plan-${index}`, state: "rejected", createdAtMs: index }));
  }
  await looks(service);
  assert.equal(service.approvals.all().length, closedMax);
  assert.equal(service.approvals.find("plan-2"), null);
});

test("however leaders change and the store fails, each approved plan is carried out once, and no other", async () => {
  let done = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed);
    const world = new ScalingWorld();
    for (let index = 0; index < 3; index++) await world.add();
    for (let turn = 0; turn < 120; turn++) {
      const dice = random.float();
      if (dice < 0.15) world.leader = Math.floor(random.float() * 4) - 1;
      else if (dice < 0.3) world.cpuPercent = [5, 50, 90, null][Math.floor(random.float() * 4)] ?? null;
      else if (dice < 0.35) world.generation += 1;
      else if (dice < 0.38) world.declared = 1 + Math.floor(random.float() * 3);
      const service = world.services[Math.floor(random.float() * 3)];
      const [open] = service?.approvals.open() ?? [];
      if (service !== undefined && open !== undefined && random.float() < 0.4) {
        const action = random.float() < 0.8 ? "approve" : "reject";
        await service.decider.decide(open.id, action, open.hash, ann).catch(() => null);
      }
      const work = world.services.map(({ autoscaler }) => autoscaler.look());
      // The store goes away in the middle of what they do.
      if (random.float() < 0.15) await failFor(world);
      if (random.float() < 0.1) world.leader = Math.floor(random.float() * 3);
      await Promise.all(work);
      world.clock.advance(15_000);
    }
    world.leader = 0;
    world.cpuPercent = 50;
    for (let look = 0; look < 4; look++) await world.services[0]?.autoscaler.look();
    done += judge(world, `seed ${seed}`);
  }
  assert.ok(done >= 60, `only ${done} plans were carried out`);
});

async function failFor(world: ScalingWorld): Promise<void> {
  await Promise.resolve();
  world.store.fail("away");
  await Promise.resolve();
  await Promise.resolve();
  world.store.recover();
}

/** Returns how many plans were carried out. */
function judge(world: ScalingWorld, what: string): number {
  const [service] = world.services;
  assert.ok(service !== undefined);
  const all = service.approvals.all();
  const written = world.written.map((text) => JSON.parse(text) as { approval: string; replicas: number });
  for (const approval of all) {
    const states = approval.trail.map(({ state }) => state);
    assert.equal(new Set(states).size, states.length, `${what}: ${states.join(" ")}`);
    const own = written.filter((one) => one.approval === approval.id);
    // A write of which it is not known whether it was done may be done again, with the same number.
    if (own.length > 0) {
      assert.ok(states.includes("approved") && states.includes("executing"), `${what}: ${states.join(" ")}`);
    }
    assert.ok(own.every(({ replicas }) => replicas === approval.plan.to), what);
    if (states.includes("done")) assert.ok(own.length > 0, what);
  }
  assert.deepEqual(all.filter(isOpen).filter(({ state }) => state !== "proposed"), [], `${what}: nothing hangs`);
  assert.ok(service.replicas >= 1 && service.replicas <= 5, what);
  return all.filter(({ state }) => state === "done").length;
}
