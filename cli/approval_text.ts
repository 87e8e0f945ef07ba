import { z } from "zod";
import { printable } from "./output.ts";

/** A plan as `GET /v1/approvals/{id}` shows it. */
export const shownSchema = z.looseObject({
  id: z.string(),
  clusterId: z.string(),
  namespace: z.string(),
  state: z.string(),
  hash: z.string(),
  expiresAtMs: z.number(),
  plan: z.looseObject({
    from: z.number(),
    to: z.number(),
    reasons: z.array(z.string()),
    moves: z.array(z.object({ metric: z.string(), address: z.string(), from: z.string(), to: z.string() })),
    moveCount: z.number(),
    predicted: z.array(z.object({
      collector: z.string(),
      targetsBefore: z.number(),
      targets: z.number(),
      cpuPercent: z.number().nullable(),
      memoryMiB: z.number().nullable(),
    })),
  }),
  trail: z.array(z.object({
    atMs: z.number(),
    state: z.string(),
    by: z.string(),
    how: z.string(),
    from: z.string(),
    detail: z.string(),
  })),
  notices: z.record(z.string(), z.object({ state: z.string(), outcome: z.string(), reason: z.string() })),
});

/** A plan for people, a line for each thing. */
export function approvalText({ id, clusterId, namespace, state, hash, plan, trail, notices, expiresAtMs }: z.output<
  typeof shownSchema
>): string {
  const lines = [
    `plan ${id} of ${clusterId}/${namespace}: from ${plan.from} to ${plan.to} collectors, ${state}`,
    `hash ${hash}, expires ${timeOf(expiresAtMs)}`,
    "",
    ...plan.reasons.map((reason) => `because  ${reason}`),
    ...plan.predicted.map(({ collector, targetsBefore, targets, cpuPercent, memoryMiB }) =>
      `load     ${collector}: from ${targetsBefore} to ${targets} targets`
      + (cpuPercent === null ? "" : `, CPU about ${cpuPercent} %`)
      + (memoryMiB === null ? "" : `, memory about ${memoryMiB} MiB`)
    ),
    ...plan.moves.map(({ metric, address, from, to }) => `move     ${metric} ${address}: ${from} to ${to}`),
    ...plan.moveCount > plan.moves.length ? [`move     and ${plan.moveCount - plan.moves.length} more`] : [],
    ...trail.map(({ atMs, state: to, by, how, from, detail }) =>
      `trail    ${timeOf(atMs)} ${to} by ${by} (${how}${from === "" ? "" : `, ${from}`})${
        detail === "" ? "" : `: ${detail}`
      }`
    ),
    ...Object.entries(notices).map(([notifier, notice]) =>
      `told     ${notifier}: ${notice.state} ${notice.outcome}${notice.reason === "" ? "" : `: ${notice.reason}`}`
    ),
  ];
  return `${lines.map((line) => line === "" ? line : padded(line)).join("\n")}\n`;
}

/** The first word's column stays, the rest is shown without what could trick a terminal. */
function padded(line: string): string {
  const column = /^[a-z]+ {2,}/.exec(line)?.[0] ?? "";
  return column + printable(line.slice(column.length));
}

function timeOf(atMs: number): string {
  return new Date(atMs).toISOString();
}
