import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLogger } from "../../core/telemetry/log.ts";
import { ManualClock } from "../testing/manual_clock.ts";
import { readAutoscaleConfig } from "./config.ts";
import { openNotifiers } from "./open_notifiers.ts";

function read(text: string) {
  return readAutoscaleConfig("autoscale.yaml", { readFile: () => Promise.resolve(new TextEncoder().encode(text)) });
}

test("a configuration is read with its defaults", async () => {
  const config = await read("rules: { default: { cpu: { above: 70 } } }\n");
  assert.deepEqual([config.lookSeconds, config.usage.windowSeconds, config.notifiers], [15, 120, []]);
  assert.deepEqual(config.rules.default, {
    min: 1,
    max: 10,
    cpu: { above: 70 },
    forSeconds: 300,
    cooldownSeconds: 1800,
    step: 1,
  });
});

test("what is wrong is told with its place", async () => {
  const check = (text: string, want: RegExp) => assert.rejects(read(text), { name: "UserError", message: want });
  await check("lookSecond: 3\n", /"autoscale.yaml": 1:1: .*unknown key "lookSecond"; did you mean "lookSeconds"/);
  await check("rules:\n  default: { min: 3, max: 2, cpu: { above: 1 } }\n", /2:19: .*min must not be more than max/);
  await check("rules: { default: { max: 2 } }\n", /needs at least one of cpu, memory and lag/);
  await check("rules: { default: { cpu: { above: 1, below: 1 } } }\n", /below must be less than above/);
  await check("notifiers: [{ name: log, type: webhook, url: 'http://x' }]\n", /"log" is always there/);
  await check("notifiers: [{ name: a, type: pager }]\n", /1:\d+: notifiers\.0/);
  const twice = "{ name: a, type: webhook, url: 'http://x' }";
  await check(`notifiers: [${twice}, ${twice}]\n`, /"a" comes twice/);
  await check("notifiers: [{ name: a, type: webhook, url: 'http://u:p@x' }]\n", /must not hold a user or password/);
  await check("notifiers: [", /1:\d+: /);
});

test("a notifier whose secret is not there ends the start, and names it", async () => {
  const env = { clock: new ManualClock(), fs: { readFile: () => Promise.reject(new Error("no such file")) } };
  const log = makeLogger("test", "silent");
  const deps = { env: env as never, variables: {}, log, fetch: () => Promise.reject(new Error("unused")) };
  const config = await read("notifiers: [{ name: ops, type: wecom, key: 'env:ROBOT' }]\n");
  await assert.rejects(openNotifiers(config, deps), /Cannot use the key of notifier "ops", "env:ROBOT": it is not set/);
  const opened = await openNotifiers(config, { ...deps, variables: { ROBOT: "k" } });
  assert.deepEqual(opened.notifiers.map(({ name }) => name), ["log", "ops"]);
  opened.close();
});
