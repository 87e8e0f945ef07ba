import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLogger } from "../telemetry/log.ts";
import { Polled } from "./polled.ts";

/** A clock whose one timer runs when it is told to. */
function makeTimer() {
  let callback: (() => void) | null = null;
  return {
    clock: {
      wallMs: () => 0,
      monotonicMs: () => 0,
      after(_delayMs: number, then: () => void) {
        callback = then;
        return () => {
          callback = null;
        };
      },
    },
    isSet: () => callback !== null,
    async fire() {
      const then = callback;
      callback = null;
      then?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

async function setup() {
  const timer = makeTimer();
  const told: string[] = [];
  const lines: string[] = [];
  let content = "a";
  const load = () => content === "" ? Promise.reject(new Error("it is empty")) : Promise.resolve({ content });
  const log = makeLogger("test", "info", { write: (line) => void lines.push(line) });
  const polled = await Polled.open(load, { clock: timer.clock, log, everyMs: 10, keptMessage: "it stays" });
  polled.onChange((value) => void told.push(value.content));
  return { timer, told, lines, polled, write: (text: string) => void (content = text) };
}

test("a new value is told, an equal one is not", async () => {
  const { timer, told, polled, write } = await setup();
  await timer.fire();
  assert.deepEqual(told, []);
  write("b");
  await timer.fire();
  await timer.fire();
  assert.deepEqual(told, ["b"]);
  assert.deepEqual(polled.value, { content: "b" });
});

test("what cannot be loaded keeps the last good value, and is said once", async () => {
  const { timer, told, lines, polled, write } = await setup();
  write("");
  await timer.fire();
  await timer.fire();
  assert.equal(polled.problem, "it is empty");
  assert.equal(polled.failures, 1);
  assert.deepEqual(polled.value, { content: "a" });
  assert.equal(lines.filter((line) => line.includes("it stays")).length, 1);
  write("a");
  await timer.fire();
  assert.equal(polled.problem, null);
  assert.deepEqual(told, []);
});

test("a first value that cannot be loaded is the caller's business; a closed one is loaded no more", async () => {
  const { timer, polled } = await setup();
  polled.close();
  assert.equal(timer.isSet(), false);
  const options = { clock: timer.clock, log: makeLogger("test", "silent"), everyMs: 10, keptMessage: "" };
  await assert.rejects(Polled.open(() => Promise.reject(new Error("no")), options), /no/);
  assert.equal(timer.isSet(), false);
});
