import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { systemProcesses } from "../../core/runtime/process_table.ts";
import { visibleProcesses } from "./holder_process.ts";

const running = new Set(["7-boot-100"]);
const table = { self: "7-boot-100", isRunning: (identity: string) => running.has(identity) };

test("only a process of the same view that runs no more has ended", () => {
  const processes = visibleProcesses(table, "b/ns");
  assert.equal(processes.self, "b/ns/7-boot-100");
  assert.equal(processes.hasEnded(processes.self), false);
  assert.equal(processes.hasEnded("b/ns/8-boot-90"), true);
  for (const other of ["", "b/other/8-boot-90", "c/ns/8-boot-90", "8-boot-90", "b/ns2/8-boot-90"]) {
    assert.equal(processes.hasEnded(other), false, other);
  }
});

test("where processes cannot be told apart none has ended", () => {
  for (const [self, view] of [["7--", "b/ns"], ["7-boot-", "b/ns"], ["7-boot-100", ""]] as const) {
    const processes = visibleProcesses({ ...table, self }, view);
    assert.deepEqual([processes.self, processes.hasEnded("b/ns/8-boot-90")], ["", false]);
  }
});

test("a real process is seen to run, and to have ended", { skip: process.platform !== "linux" }, async () => {
  const processes = visibleProcesses();
  assert.equal(processes.hasEnded(processes.self), false);
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const ended = once(child, "exit");
  const view = processes.self.slice(0, -systemProcesses.self.length);
  child.kill("SIGKILL");
  await ended;
  const [, boot] = systemProcesses.self.split("-");
  assert.equal(processes.hasEnded(`${view}${child.pid}-${boot}-1`), true);
});
