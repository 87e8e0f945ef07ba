import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { TargetStatus } from "../../core/registry/status.ts";
import { approvalOf } from "../autoscale/testing/plans.ts";
import { metricOf } from "../testing/documents.ts";
import { recordOf } from "../testing/fake_registry.ts";
import { EventLog } from "./event_log.ts";
import { EventRecorder, eventsAtOnceMax } from "./recorder.ts";

const place = { clusterId: "c1", namespace: "shop" };

let log: EventLog;
let recorder: EventRecorder;
beforeEach(() => {
  log = new EventLog({ epoch: "e", wallMs: () => 0 });
  recorder = new EventRecorder(log);
});

function told(): string[] {
  return log.all().map(({ type, name, detail }) => `${type} ${name}: ${detail}`);
}

function report(health: TargetStatus["health"], isNews = true, error = "", count = 1): void {
  const targets = Array.from({ length: count }, (_, index) => ({
    metric: "cart",
    address: `10.0.0.${index}:80`,
    pod: "",
    health,
    lastScrapeMs: 1,
    durationMs: 1,
    samples: 1,
    error,
  }));
  recorder.status(place, { collector: "one-0", generation: 1, reportedAtMs: 0, targets }, isNews);
}

test("targets that go down and come up again are told once each", () => {
  report("up");
  report("down", true, "HTTP 500");
  report("down", true, "HTTP 500");
  report("unknown");
  report("up");
  assert.deepEqual(told(), ["target.down cart 10.0.0.0:80: HTTP 500", "target.up cart 10.0.0.0:80: "]);
});

test("what was down before the service began is told when it comes up", () => {
  report("down", false);
  report("down");
  assert.deepEqual(told(), []);
  report("up");
  assert.deepEqual(told(), ["target.up cart 10.0.0.0:80: "]);
});

test("of many at once the first are told, and the rest is counted", () => {
  report("down", true, "refused", 200);
  assert.equal(told().length, eventsAtOnceMax + 1);
  assert.equal(told().at(-1), `target.down : ${200 - eventsAtOnceMax} more`);
});

test("collectors that come and go are told, but not those that are there at the beginning", () => {
  const one = recordOf("collector", "c1.shop.one-0");
  const two = recordOf("collector", "c1.shop.two-0");
  recorder.collectors([one]);
  recorder.collectors([one, two]);
  recorder.collectors([two]);
  assert.deepEqual(told(), ["collector.come two-0: on host", "collector.gone one-0: on host"]);
});

test("documents are told with their path, and what is wrong with its place", () => {
  const document = metricOf("cart");
  const key = { ...place, kind: "Metric" as const, name: "cart" };
  const path = "c1/metric/shop/cart.yaml";
  const problems = [{ path, line: 3, column: 4, message: "no" }, { path, line: 5, column: 1, message: "neither" }];
  recorder.documents([
    { type: "put", key, document, previous: null },
    { type: "put", key, document, previous: document },
    { type: "refused", status: { path, state: "invalid", problems, effectiveVersion: "1" } },
    { type: "mended", path },
    { type: "removed", key, document },
  ]);
  assert.deepEqual(told(), [
    `document.changed ${path}: new, version "1"`,
    `document.changed ${path}: changed, version "1"`,
    `document.refused ${path}: ${path}:3:4: no (and 1 more)`,
    `document.mended ${path}: `,
    `document.removed ${path}: `,
  ]);
  assert.deepEqual([log.all()[2]?.cluster, log.all()[2]?.namespace], ["c1", "shop"]);
});

test("leadership concerns no namespace", () => {
  recorder.leader("a-7070", "epoch 3");
  assert.deepEqual(log.all().map(({ type, namespace, name }) => [type, namespace, name]), [["leader", "", "a-7070"]]);
});

test("what becomes of a plan is told in its namespace, with who did it", () => {
  recorder.approval(approvalOf());
  assert.deepEqual(told(), ["approval plan-1: proposed by svc: from 2 to 3 collectors"]);
  assert.equal(log.all()[0]?.namespace, "shop");
});
