import type { Approval, ApprovalState } from "../approvals/approval.ts";

/** What somebody is told about a plan. */
export interface Message {
  /** Of the approval and its state: the same for every attempt, so that a receiver can tell a repetition. */
  readonly id: string;
  readonly state: ApprovalState;
  /** One line. */
  readonly title: string;
  /** One line each; the most important first. */
  readonly lines: readonly string[];
  readonly approval: Approval;
  /** While it can still be decided. Whoever sees one can decide: it is for the chosen recipients, and for no log. */
  readonly links: { readonly approve: string; readonly reject: string } | null;
}

/**
 * Tells people of plans. A message may come twice, after a crash between the sending and its note; it never comes in
 * part. Nothing waits for a notifier: what it throws is noted at the approval, logged and counted.
 */
export interface Notifier {
  /** Unique; "log", or what the configuration says. */
  readonly name: string;
  /**
   * Sends the message; takes no longer than some seconds.
   * @throws NotifyError when it was not sent.
   */
  notify(message: Message): Promise<void>;
}

/**
 * Why a message was not sent, without anything secret in it.
 * - `transient`: try again later, not before `retryAfterMs`.
 * - `permanent`: it would fail again, until somebody mends the configuration.
 */
export class NotifyError extends Error {
  override name = "NotifyError";
  readonly kind: "transient" | "permanent";
  readonly retryAfterMs: number;

  constructor(kind: "transient" | "permanent", message: string, retryAfterMs = 0) {
    super(message);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}
