import assert from "node:assert/strict";
import { test } from "node:test";
import { containerSchema, type FoundContainer } from "./engine_schema.ts";
import { labelNames, labelsOf } from "./labels.ts";
import { statusOf } from "./status.ts";

const key = { clusterId: "c1", namespace: "shop", name: "w" };

function container(ordinal: number, state: Record<string, unknown>, restarts = 0): FoundContainer {
  return containerSchema.parse({
    Id: `id-${ordinal}`,
    Name: `/own.c1.shop.w-${ordinal}`,
    Image: "own:1",
    RestartCount: restarts,
    State: { Status: "running", Pid: 1, ...state },
    Config: { Image: "own:1", Env: [], Labels: { ...labelsOf("own", key), [labelNames.ordinal]: String(ordinal) } },
    HostConfig: {},
    NetworkSettings: { Networks: {} },
  });
}

function problemOf(...containers: readonly FoundContainer[]): string {
  return statusOf(key, containers, undefined).problem;
}

test("a container that does not stay alive is a problem, with the engine's reason", () => {
  assert.equal(problemOf(container(0, {})), "");
  const restarting = container(0, { Status: "restarting", ExitCode: 3 }, 5);
  assert.equal(problemOf(restarting), "w-0 ends again and again: exit code 3");
  const killed = container(0, { Status: "exited", OOMKilled: true });
  assert.equal(problemOf(killed), "w-0 is stopped: killed: out of memory");
  const sick = container(0, { Health: { Status: "unhealthy", Log: [{ Output: "HTTP\n503" }] } });
  assert.equal(problemOf(sick), "w-0 is unhealthy: HTTP 503");
});

test("between two of many restarts it stays a problem, until it has shown that it is well", () => {
  const starting = { Health: { Status: "starting" } };
  assert.equal(problemOf(container(0, starting)), "", "one that is new may take its time");
  assert.match(problemOf(container(0, starting, 4)), /^w-0 was started again/);
  assert.equal(problemOf(container(0, { Health: { Status: "healthy" } }, 4)), "");
});

test("of several problems the first is told", () => {
  const ended = { Status: "restarting", ExitCode: 1 };
  assert.match(problemOf(container(0, {}), container(1, ended), container(2, ended)), /^w-1 ends [^;]+$/);
});
