import assert from "node:assert/strict";
import { test } from "node:test";
import { PlainKernel } from "../kernel/plain_kernel.ts";
import { ShapeCache } from "../scrape/shape_cache.ts";
import { Matching } from "./matching.ts";
import { TestTarget } from "./testing/scrapes.ts";

const memoryBytes = 1024 * 1024;

function body(tag: string, value: number, families = 20): string {
  return Array.from({ length: families }, (_, family) => {
    const name = `metric_${tag}_${family}`;
    return `# HELP ${name} Text.\n# TYPE ${name} gauge\n${name}{path="/"} ${value}\n${name}{path="/a"} ${
      value + 0.5
    }\n`;
  }).join("");
}

test("targets that expose the same share what is expected of them", async () => {
  const matching = new Matching(new PlainKernel(memoryBytes));
  const cache = new ShapeCache();
  const first = new TestTarget(matching, {}, { cache });
  await first.scrape(body("x", 1), "prometheus");
  const { bytes } = matching.templates;
  const second = new TestTarget(matching, {}, { cache, address: "10.0.0.8:9100" });
  await second.scrape(body("x", 2), "prometheus");
  assert.equal(matching.templates.bytes, bytes);
  assert.equal(matching.expectations.size, 1);
  for (const target of [first, second]) await target.scrape(body("x", 3), "prometheus");
  assert.deepEqual(matching.counts, { matched: 3, partly: 0, parsed: 1 });
  first.end();
  assert.equal(matching.expectations.size, 1);
  second.end();
  assert.equal(matching.expectations.size, 0);
});

test("what differs for one target is not taken for another's", async () => {
  const matching = new Matching(new PlainKernel(memoryBytes));
  const cache = new ShapeCache();
  const text = 'a{app="x"} 1\nb{zone="x"} 2\n';
  for (const labels of [{ app: "cart" }, { zone: "cart" }, { app: "cart", zone: "cart" }]) {
    const options = { cache, labels };
    const [fast, naive] = [new TestTarget(matching, {}, options), new TestTarget(null, {}, options)];
    for (let scrape = 0; scrape < 3; scrape++) {
      assert.deepEqual(await fast.scrape(text, "prometheus"), await naive.scrape(text, "prometheus"));
    }
  }
  assert.deepEqual(matching.counts, { matched: 6, partly: 0, parsed: 3 });
});

test("a changed family costs that family only", async () => {
  const matching = new Matching(new PlainKernel(memoryBytes));
  const target = new TestTarget(matching);
  await target.scrape(body("x", 1), "prometheus");
  const { size } = matching.templates;
  const changed = body("x", 2).replace('metric_x_7{path="/a"}', 'metric_x_7{path="/b"}');
  await target.scrape(changed, "prometheus");
  assert.deepEqual(matching.counts, { matched: 0, partly: 1, parsed: 1 });
  assert.equal(matching.templates.size, size + 1);
  await target.scrape(changed, "prometheus");
  assert.equal(matching.counts.matched, 1);
});

test("a target that changes everything each time is learnt ever more rarely, within the budget", async () => {
  const budget = 20_000;
  const matching = new Matching(new PlainKernel(memoryBytes), budget);
  const [fast, naive] = [new TestTarget(matching), new TestTarget(null)];
  let learnt = 0;
  for (let scrape = 0; scrape < 60; scrape++) {
    const text = body(`${scrape}`, scrape, 10);
    assert.deepEqual(await fast.scrape(text, "prometheus"), await naive.scrape(text, "prometheus"));
    learnt += matching.expectations.size;
    assert.ok(matching.templates.bytes <= budget);
  }
  assert.ok(learnt > 2 && learnt < 12, `${learnt} times`);
});

test("when there is no room, what is in use stays and the others are parsed", async () => {
  const matching = new Matching(new PlainKernel(memoryBytes), 20_000);
  const targets = ["a", "b", "c", "d"].map(() => [new TestTarget(matching), new TestTarget(null)] as const);
  for (let scrape = 0; scrape < 4; scrape++) {
    for (const [index, [fast, naive]] of targets.entries()) {
      const text = body(`own${index}`, scrape);
      assert.deepEqual(await fast.scrape(text, "prometheus"), await naive.scrape(text, "prometheus"));
    }
  }
  assert.ok(matching.counts.matched >= 3, JSON.stringify(matching.counts));
  assert.ok(matching.templates.bytes <= 20_000);
  targets[0]?.[0].end();
  await targets[3]?.[0].scrape(body("own3", 9), "prometheus");
});

test("a body larger than the memory is parsed", async () => {
  const matching = new Matching(new PlainKernel(256 * 1024));
  const [fast, naive] = [new TestTarget(matching), new TestTarget(null)];
  for (let scrape = 0; scrape < 3; scrape++) {
    const text = body("x", scrape, 3000);
    assert.deepEqual(await fast.scrape(text, "prometheus"), await naive.scrape(text, "prometheus"));
  }
  assert.deepEqual(matching.counts, { matched: 0, partly: 0, parsed: 3 });
});
