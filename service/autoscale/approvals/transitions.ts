import type { Approval, ApprovalState, AuditLine } from "./approval.ts";

/** From which states each state can be reached. Nothing leads back. */
const before: Readonly<Record<ApprovalState, readonly ApprovalState[]>> = {
  proposed: [],
  approved: ["proposed"],
  rejected: ["proposed"],
  expired: ["proposed"],
  void: ["proposed", "approved", "executing"],
  executing: ["approved"],
  done: ["executing"],
  failed: ["executing"],
};

/** Texts of the trail come from requests too. */
const textLengthMax = 500;

export type Deed = Omit<AuditLine, "state" | "atMs">;

export type Transition =
  | { readonly ok: true; readonly approval: Approval }
  | { readonly ok: false; readonly reason: string };

/** The approval in its next state, with a line more in its trail; or why it cannot get there. */
export function transition(approval: Approval, state: ApprovalState, deed: Deed, nowMs: number): Transition {
  const refusal = refusalOf(approval, state, nowMs);
  if (refusal !== "") return { ok: false, reason: refusal };
  const text = (value: string) => value.slice(0, textLengthMax);
  const line = { ...deed, by: text(deed.by), from: text(deed.from), detail: text(deed.detail), state, atMs: nowMs };
  return { ok: true, approval: { ...approval, state, trail: [...approval.trail, line] } };
}

/** What has become of an approval, for people who come too late. */
export function outcomeOf({ state, trail }: Pick<Approval, "state" | "trail">): string {
  const last = trail.at(-1);
  if (last === undefined) return `it is ${state}`;
  const detail = last.detail === "" ? "" : `: ${last.detail}`;
  return `it is ${state} since ${new Date(last.atMs).toISOString()}, by ${last.by}${detail}`;
}

function refusalOf(approval: Approval, state: ApprovalState, nowMs: number): string {
  if (!before[state].includes(approval.state)) return outcomeOf(approval);
  const isDecision = state === "approved" || state === "rejected";
  if (isDecision && nowMs >= approval.expiresAtMs) {
    return `it expired at ${new Date(approval.expiresAtMs).toISOString()}`;
  }
  return "";
}
