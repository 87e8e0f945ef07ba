import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { HeldChange, Hold } from "./hold.ts";
import type { HoldState } from "./hold_state.ts";

export interface KeepHoldsDeps {
  readonly holds: HoldState;
  readonly log: Logger;
  /** Whether this service still leads; asked right before each write. */
  mayAct(): boolean;
}

/** Makes known what is held: in the store, for every service, and in the log. Returns how many steps failed. */
export async function tellHolds(held: readonly HeldChange[], deps: KeepHoldsDeps): Promise<number> {
  return await each(deps.holds.changesTo(held).writes, deps, async (hold) => {
    await deps.holds.write(hold);
    const { clusterId, namespace, reason, hash, targetsBefore, targetsAfter } = hold;
    const change = { clusterId, namespace, reason, hash, targetsBefore, targetsAfter };
    deps.log.error(change, "a change is held until somebody confirms it; the namespace stays as it is");
  });
}

/** Forgets what is not held any more, because it was confirmed and carried out, or has come back. */
export async function forgetHolds(held: readonly HeldChange[], deps: KeepHoldsDeps): Promise<number> {
  return await each(deps.holds.changesTo(held).removals, deps, async (hold) => {
    await deps.holds.remove(hold);
    const { clusterId, namespace, confirmedBy } = hold;
    if (hold.confirmed === "") deps.log.info({ clusterId, namespace }, "a held change is none any more");
    else deps.log.info({ clusterId, namespace, confirmedBy }, "a held change was confirmed and carried out");
  });
}

async function each(
  holds: readonly Hold[],
  deps: KeepHoldsDeps,
  work: (hold: Hold) => Promise<void>,
): Promise<number> {
  let failures = 0;
  for (const hold of holds) {
    if (!deps.mayAct()) return failures;
    try {
      await work(hold);
    } catch (error) {
      failures += 1;
      const { clusterId, namespace } = hold;
      deps.log.warn(
        { clusterId, namespace, reason: messageOf(error) },
        "keeping a held change failed; it is tried again",
      );
    }
  }
  return failures;
}
