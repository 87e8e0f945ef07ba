import { type Approval, type ApprovalState, changedAtMs } from "./approval.ts";

/** An approval as a list shows it. */
export interface ApprovalRow {
  readonly id: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly state: ApprovalState;
  readonly from: number;
  readonly to: number;
  readonly reasons: readonly string[];
  readonly targetsMoving: number;
  readonly hash: string;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly changedAtMs: number;
  /** Who brought it to its state. */
  readonly by: string;
  /** Why it is in its state, where there is more to say. */
  readonly detail: string;
}

export function approvalRow(approval: Approval): ApprovalRow {
  const { id, clusterId, namespace, state, plan, hash, createdAtMs, expiresAtMs, trail } = approval;
  const last = trail.at(-1);
  return {
    id,
    cluster: clusterId,
    namespace,
    state,
    from: plan.from,
    to: plan.to,
    reasons: plan.reasons,
    targetsMoving: plan.moveCount,
    hash,
    createdAtMs,
    expiresAtMs,
    changedAtMs: changedAtMs(approval),
    by: last?.by ?? "",
    detail: last?.detail ?? "",
  };
}

/** An approval with everything but what only its links need. */
export type ShownApproval = Omit<Approval, "nonce">;

export function shownApproval(approval: Approval): ShownApproval {
  const { id, clusterId, namespace, state, plan, hash, createdAtMs, expiresAtMs, trail, notices } = approval;
  return { id, clusterId, namespace, state, plan, hash, createdAtMs, expiresAtMs, trail, notices };
}
