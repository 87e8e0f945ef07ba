import { autoscaleRule } from "../../../core/config/autoscale.ts";
import { Secret } from "../../../core/secrets/secret.ts";
import { instanceName } from "../../orchestrator/names.ts";
import type { Approval } from "../approvals/approval.ts";
import { Links } from "../approvals/links.ts";
import { hashOf, makePlan, type ScaledNamespace } from "../plan/plan.ts";

/** A rule that is met, or not, at once. */
export const hastyRule = autoscaleRule.parse({
  max: 5,
  cpu: { above: 70, below: 20 },
  forSeconds: 0,
  cooldownSeconds: 0,
});

/** A namespace with so many targets over so many collectors. */
export function scaledNamespace(over: Partial<ScaledNamespace> = {}, targets = 6): ScaledNamespace {
  const replicas = over.replicas ?? 2;
  const owners = new Map(
    Array.from({ length: targets }, (_, index) => [`cart 10.0.0.${index}:80`, instanceName("one", index % replicas)]),
  );
  return {
    clusterId: "c1",
    namespace: "shop",
    workload: "one",
    replicas,
    declared: 2,
    rule: hastyRule,
    generation: 7,
    division: { owners, balance: "count", costs: new Map() },
    ...over,
  };
}

export const testNowMs = 1_700_000_000_000;

/** A proposed plan from 2 to 3 collectors that expires after an hour. */
export function approvalOf(over: Partial<Approval> = {}): Approval {
  const plan = makePlan(scaledNamespace(), 3, { reasons: ["mean cpu 80 %"], usages: [], nowMs: testNowMs });
  return {
    id: "plan-1",
    clusterId: "c1",
    namespace: "shop",
    state: "proposed",
    plan,
    hash: hashOf(plan),
    nonce: "n1",
    createdAtMs: testNowMs,
    expiresAtMs: testNowMs + 3_600_000,
    trail: [{ atMs: testNowMs, state: "proposed", by: "svc", how: "service", from: "", detail: "", epoch: 1 }],
    notices: {},
    ...over,
  };
}

export const testLinks = new Links(() => new Secret("k".repeat(32)), () => "http://service.test");
