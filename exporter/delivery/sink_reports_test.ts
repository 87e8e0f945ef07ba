import assert from "node:assert/strict";
import { test } from "node:test";
import { makeLogger } from "../../core/telemetry/log.ts";
import { SinkReports } from "./sink_reports.ts";

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly failures?: number;
}

function setting() {
  const lines: Line[] = [];
  const log = makeLogger("test", "debug", { write: (line) => void lines.push(JSON.parse(line)) });
  const now = { ms: 0 };
  const clock = { wallMs: () => 0, monotonicMs: () => now.ms, after: () => () => {} };
  return { lines, now, reports: new SinkReports({ sink: "a", deadLettersPath: "/dead", clock, log }) };
}

test("a dead destination is told at its 1st, 2nd, 4th and 8th failure, an alarm as an error", () => {
  const { lines, reports } = setting();
  for (let attempts = 0; attempts < 8; attempts++) {
    const answer = { outcome: "retry", reason: "HTTP 503" } as const;
    reports.event({ type: "answered", answer }, { attempts, stopping: "no" });
  }
  assert.deepEqual(lines.map(({ level }) => level), [
    "warn",
    "warn",
    "debug",
    "warn",
    "debug",
    "debug",
    "debug",
    "warn",
  ]);
  assert.equal(lines.at(-1)?.failures, 8);
  const refusal = { outcome: "retry", reason: "HTTP 401", alarm: true } as const;
  reports.event({ type: "answered", answer: refusal }, { attempts: 0, stopping: "no" });
  assert.equal(lines.at(-1)?.level, "error");
});

test("rejections are told once in ten seconds", () => {
  const { lines, now, reports } = setting();
  const answer = { outcome: "rejected", reason: "HTTP 400" } as const;
  for (const ms of [0, 9_999, 10_000, 10_001]) {
    now.ms = ms;
    reports.event({ type: "answered", answer }, { attempts: 0, stopping: "no" });
  }
  assert.equal(lines.length, 2);
});

test("what happens to a sink that is stopping is nobody's concern", () => {
  const { lines, reports } = setting();
  const answer = { outcome: "retry", reason: "aborted" } as const;
  reports.event({ type: "answered", answer }, { attempts: 0, stopping: "now" });
  assert.deepEqual(lines, []);
});
