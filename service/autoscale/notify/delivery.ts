import { messageOf as errorMessageOf } from "../../../core/errors.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { Approval, Notice } from "../approvals/approval.ts";
import type { Approvals } from "../approvals/approvals.ts";
import type { Links } from "../approvals/links.ts";
import { messageOf } from "./message.ts";
import { type Notifier, NotifyError } from "./notifier.ts";

const retryMsMin = 2000;
const retryMsMax = 300_000;
/** About a day of attempts at the longest pause. */
const attemptsMax = 300;
/** What has ended longer ago is no news to anybody. */
const newsMsMax = 3_600_000;

export interface DeliveryDeps {
  readonly approvals: Approvals;
  readonly links: Links;
  readonly log: Logger;
  readonly wallMs: () => number;
  /** Whether this service may tell people. */
  readonly mayAct: () => boolean;
  readonly onOutcome: (notifier: string, outcome: Notice["outcome"]) => void;
}

/**
 * Whether a notifier is to be told of an approval now: of a proposal, and of its end. What was told, and what failed,
 * is noted at the approval, so that the next leader goes on from there.
 */
export function isDue(approval: Approval, notice: Notice | undefined, nowMs: number): boolean {
  const { state, trail } = approval;
  if (state === "approved" || state === "executing") return false;
  if (notice?.state !== state) return state === "proposed" || nowMs - (trail.at(-1)?.atMs ?? 0) < newsMsMax;
  if (notice.outcome !== "retrying") return false;
  return nowMs >= notice.atMs + Math.min(retryMsMax, retryMsMin * 2 ** (notice.attempts - 1));
}

/** Tells each notifier of what it has not heard of, one message after another, all notifiers at once. */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #notifiers: readonly Notifier[];
  /** Unix milliseconds before which a notifier asked to be left alone. */
  readonly #notBeforeMs = new Map<string, number>();
  readonly #busy = new Map<string, Promise<void>>();
  /** The last notices by notifier and approval, for as long as the store does not take them. */
  readonly #unnoted = new Map<string, Notice>();

  #closed = false;

  constructor(notifiers: readonly Notifier[], deps: DeliveryDeps) {
    this.#notifiers = notifiers;
    this.#deps = deps;
  }

  /** Begins to tell what is due; a notifier that is still busy is passed over. Resolves when all that began has ended. */
  async run(): Promise<void> {
    if (!this.#deps.links.ready) return;
    for (const notifier of this.#notifiers) {
      if (this.#busy.has(notifier.name)) continue;
      const work = this.#tellAll(notifier).finally(() => this.#busy.delete(notifier.name));
      this.#busy.set(notifier.name, work);
    }
    await Promise.all(this.#busy.values());
  }

  /** Lets each notifier end the message that it is at, and begins no other. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#busy.values());
  }

  async #tellAll(notifier: Notifier): Promise<void> {
    const { approvals, wallMs, mayAct } = this.#deps;
    // The oldest first, so that people read of things in their order.
    for (const { id } of approvals.all().toReversed()) {
      const approval = approvals.find(id);
      if (this.#closed || !mayAct() || approval === null) continue;
      const notBeforeMs = this.#notBeforeMs.get(notifier.name) ?? 0;
      const notice = this.#unnoted.get(`${notifier.name} ${id}`) ?? approval.notices[notifier.name];
      if (wallMs() < notBeforeMs || !isDue(approval, notice, wallMs())) continue;
      await this.#tell(notifier, approval);
    }
  }

  async #tell(notifier: Notifier, approval: Approval): Promise<void> {
    const { approvals, log, wallMs, onOutcome } = this.#deps;
    const { name } = notifier;
    const { state, id } = approval;
    const key = `${name} ${id}`;
    const before = this.#unnoted.get(key) ?? approval.notices[name];
    const attempts = before?.state === state ? before.attempts + 1 : 1;
    const reason = await this.#attempt(notifier, approval, attempts);
    const outcome = reason === null ? "sent" : reason.isFinal ? "failed" : "retrying";
    const notice: Notice = { state, outcome, attempts, atMs: wallMs(), reason: reason?.text ?? "" };
    onOutcome(name, outcome);
    if (outcome === "failed") {
      log.error(
        { notifier: name, approval: id, state, reason: notice.reason },
        "a notifier needs a human; not tried again",
      );
    } else if (outcome === "retrying" && before?.reason !== notice.reason) {
      log.warn({ notifier: name, approval: id, state, reason: notice.reason }, "a notifier failed; it is tried again");
    }
    this.#unnoted.set(key, notice);
    try {
      const told = (present: Approval) => ({
        ok: true as const,
        approval: { ...present, notices: { ...present.notices, [name]: notice } },
      });
      await approvals.change(id, told);
      this.#unnoted.delete(key);
    } catch (error) {
      log.warn({ notifier: name, approval: id, reason: errorMessageOf(error) }, "noting what was told failed");
    }
  }

  /** Null when it was sent. */
  async #attempt(
    notifier: Notifier,
    approval: Approval,
    attempts: number,
  ): Promise<{ readonly text: string; readonly isFinal: boolean } | null> {
    const { links, wallMs } = this.#deps;
    try {
      await notifier.notify(messageOf(approval, links));
      return null;
    } catch (error) {
      const isPermanent = error instanceof NotifyError && error.kind === "permanent";
      const waitMs = error instanceof NotifyError ? error.retryAfterMs : 0;
      this.#notBeforeMs.set(notifier.name, wallMs() + waitMs);
      return { text: errorMessageOf(error), isFinal: isPermanent || attempts >= attemptsMax };
    }
  }
}
