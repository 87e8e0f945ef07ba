import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { systemProcesses } from "./process_table.ts";

test("this process runs, and its identity is a safe file name", () => {
  assert.match(systemProcesses.self, /^\d+-[0-9a-f]*-\d*$/);
  assert.equal(systemProcesses.self.split("-")[0], String(process.pid));
  assert.ok(systemProcesses.isRunning(systemProcesses.self));
});

test("a process that has ended does not run", async () => {
  const child = spawn("true");
  const identity = `${child.pid}-00000000-1`;
  await once(child, "exit");
  assert.ok(!systemProcesses.isRunning(identity));
});

test("another start or boot with the same process id does not run, where start times can be seen", () => {
  const [pid, boot, start] = systemProcesses.self.split("-");
  const cannotTell = start === "";
  assert.equal(systemProcesses.isRunning(`${pid}-${boot}-${Number(start) + 1}`), cannotTell);
  assert.equal(systemProcesses.isRunning(`${pid}-xxxxxxxx-${start}`), cannotTell);
});

test("what is no identity does not run", () => {
  for (const text of ["", "x", "-1-a-b", "0", "1.5-a-b"]) assert.ok(!systemProcesses.isRunning(text), text);
});
