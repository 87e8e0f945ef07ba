import type { Approval } from "../approvals/approval.ts";
import type { Links } from "../approvals/links.ts";
import { outcomeOf } from "../approvals/transitions.ts";
import type { PredictedLoad } from "../plan/plan.ts";
import type { Message } from "./notifier.ts";

/** Targets and collectors told of one by one; the rest is counted. */
const listedMax = 20;

/** What is told of an approval as it is now. */
export function messageOf(approval: Approval, links: Links): Message {
  const isProposed = approval.state === "proposed";
  return {
    id: `${approval.id}-${approval.state}`,
    state: approval.state,
    title: titleOf(approval),
    lines: isProposed ? planLines(approval) : [outcomeOf(approval)],
    approval,
    links: isProposed ? { approve: links.make("approve", approval), reject: links.make("reject", approval) } : null,
  };
}

/** `c1/shop: 2 to 3 collectors` with what has become of it. */
export function titleOf({ clusterId, namespace, plan, state }: Approval): string {
  return `${clusterId}/${namespace}: from ${plan.from} to ${plan.to} collectors, ${state}`;
}

/** A plan in lines for people: reasons, what each collector will have, and which targets move. */
export function planLines({ plan, expiresAtMs, hash }: Approval): string[] {
  const { reasons, predicted, moves, moveCount } = plan;
  return [
    ...reasons.map((reason) => `reason: ${reason}`),
    `${moveCount} targets move; to be decided until ${new Date(expiresAtMs).toISOString()}; plan ${hash.slice(0, 12)}`,
    ...predicted.slice(0, listedMax).map(loadLine),
    ...more(predicted.length, "collectors"),
    ...moves.slice(0, listedMax).map(({ metric, address, from, to }) => `${metric} ${address}: ${from} to ${to}`),
    ...more(moveCount, "targets"),
  ];
}

function loadLine({ collector, targetsBefore, targets, cpuPercent, memoryMiB }: PredictedLoad): string {
  const cpu = cpuPercent === null ? "" : `, CPU about ${cpuPercent} %`;
  const memory = memoryMiB === null ? "" : `, memory about ${memoryMiB} MiB`;
  return `${collector}: from ${targetsBefore} to ${targets} targets${cpu}${memory}`;
}

function more(count: number, what: string): string[] {
  return count > listedMax ? [`and ${count - listedMax} ${what} more`] : [];
}
