import { z } from "zod";
import { nameProblem } from "../../../core/config/names.ts";
import { parseJson } from "../../../core/json.ts";
import { systemPrefix } from "../../../core/store/store.ts";
import type { ScalePlan } from "../plan/plan.ts";

/**
 * - `proposed`: waits for somebody, until it expires.
 * - `approved`: waits for the leader.
 * - `executing`: the number of collectors is being written, or has been and the collectors are not there yet.
 * - `done`, `failed`, `rejected`, `expired`, `void`: nothing more happens. What failed has been written all the same.
 */
export const approvalStates = [
  "proposed",
  "approved",
  "rejected",
  "expired",
  "void",
  "executing",
  "done",
  "failed",
] as const;
export type ApprovalState = (typeof approvalStates)[number];

/** By which way something was decided. */
export const decisionWays = ["link", "api", "cli", "auto", "service"] as const;

/** A line of the audit trail: lines are only ever added. */
export interface AuditLine {
  /** Unix milliseconds. */
  readonly atMs: number;
  readonly state: ApprovalState;
  /** Who: a token's name, the name that somebody gave on a link's page, or a service's id. */
  readonly by: string;
  readonly how: (typeof decisionWays)[number];
  /** From where, as far as the request tells. */
  readonly from: string;
  /** Why, or what came of it. */
  readonly detail: string;
  /** Of the leader that did it; 0 for what people did. */
  readonly epoch: number;
}

/** What became of telling somebody. */
export interface Notice {
  readonly state: ApprovalState;
  readonly outcome: "sent" | "retrying" | "failed";
  readonly attempts: number;
  /** Unix milliseconds of the last attempt. */
  readonly atMs: number;
  /** Why it was not sent; "" when it was. */
  readonly reason: string;
}

/**
 * A plan and what becomes of it, as the store keeps it in `.bcs-metric/approvals/<id>.json` for every service. The
 * audit trail is in the same entry, so that nothing can happen without its line.
 */
export interface Approval {
  readonly id: string;
  readonly clusterId: string;
  readonly namespace: string;
  readonly state: ApprovalState;
  readonly plan: ScalePlan;
  /** Of the plan: an approval is for this and nothing else. */
  readonly hash: string;
  /** Random; in the signature of this plan's links. */
  readonly nonce: string;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly trail: readonly AuditLine[];
  /** By notifier. */
  readonly notices: Readonly<Record<string, Notice>>;
}

export const approvalsFolder = `${systemPrefix}approvals/`;

const safeName = z.string().refine((name) => nameProblem(name) === null, { error: "is no safe name" });
const count = z.int().min(0);

export const planSchema = z.strictObject({
  clusterId: safeName,
  namespace: safeName,
  workload: safeName,
  from: count,
  to: count,
  reasons: z.array(z.string()),
  moves: z.array(z.strictObject({ metric: z.string(), address: z.string(), from: z.string(), to: z.string() })),
  moveCount: count,
  predicted: z.array(z.strictObject({
    collector: z.string(),
    targetsBefore: count,
    targets: count,
    cpuPercent: z.number().nullable(),
    memoryMiB: z.number().nullable(),
  })),
  inputs: z.strictObject({
    workload: z.string(),
    replicas: count,
    declared: count,
    generation: count,
    targets: z.string(),
    moves: z.string(),
    rule: z.string(),
  }),
  createdAtMs: z.number(),
}) satisfies z.ZodType<ScalePlan>;

export const auditLineSchema = z.strictObject({
  atMs: z.number(),
  state: z.enum(approvalStates),
  by: z.string(),
  how: z.enum(decisionWays),
  from: z.string(),
  detail: z.string(),
  epoch: count,
}) satisfies z.ZodType<AuditLine>;

export const noticeSchema = z.strictObject({
  state: z.enum(approvalStates),
  outcome: z.enum(["sent", "retrying", "failed"]),
  attempts: count,
  atMs: z.number(),
  reason: z.string(),
}) satisfies z.ZodType<Notice>;

const approvalSchema = z.looseObject({
  id: safeName,
  clusterId: safeName,
  namespace: safeName,
  state: z.enum(approvalStates),
  plan: planSchema,
  hash: z.string().min(1),
  nonce: z.string().min(1),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
  trail: z.array(auditLineSchema),
  notices: z.record(z.string(), noticeSchema),
});

export function approvalPath(id: string): string {
  return `${approvalsFolder}${id}.json`;
}

export function writeApproval(approval: Approval): string {
  return `${JSON.stringify(approval, null, 2)}\n`;
}

/** The approval that an entry of the store is; null when it is none, or belongs elsewhere. */
export function readApproval(path: string, text: string): Approval | null {
  const read = approvalSchema.safeParse(parseJson(text));
  return read.success && approvalPath(read.data.id) === path ? read.data : null;
}

/** Whether something is still to come of it. */
export function isOpen({ state }: Pick<Approval, "state">): boolean {
  return state === "proposed" || state === "approved" || state === "executing";
}

/** Unix milliseconds of its last transition. */
export function changedAtMs({ trail, createdAtMs }: Pick<Approval, "trail" | "createdAtMs">): number {
  return trail.at(-1)?.atMs ?? createdAtMs;
}
