import type { Clock } from "../../../core/runtime/env.ts";
import type { Approval, AuditLine } from "./approval.ts";
import type { Approvals } from "./approvals.ts";
import type { LinkAction } from "./links.ts";
import { type Transition, transition } from "./transitions.ts";

export type Who = Pick<AuditLine, "by" | "how" | "from">;

/** Lets people decide plans, at any service, by whatever way: one plan is decided once. */
export class Decider {
  readonly #approvals: Approvals;
  readonly #clock: Pick<Clock, "wallMs">;

  constructor(approvals: Approvals, clock: Pick<Clock, "wallMs">) {
    this.#approvals = approvals;
    this.#clock = clock;
  }

  find(id: string): Approval | null {
    return this.#approvals.find(id);
  }

  isExpired({ state, expiresAtMs }: Approval): boolean {
    return state === "proposed" && this.#clock.wallMs() >= expiresAtMs;
  }

  /**
   * Decides the plan with this hash, if it can still be decided.
   * @throws the errors of the store.
   */
  async decide(id: string, action: LinkAction, hash: string, who: Who): Promise<Transition> {
    const deed = { ...who, detail: "", epoch: 0 };
    return await this.#approvals.change(id, (present) => {
      if (present.hash !== hash) return { ok: false, reason: "it is another plan than the one that was shown" };
      return transition(present, action === "approve" ? "approved" : "rejected", deed, this.#clock.wallMs());
    });
  }
}
