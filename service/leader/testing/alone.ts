import type { Leadership } from "../leader.ts";

/** The leadership of a service that has no rivals, for tests of everything else. */
export function leadsAlone(): Leadership {
  return {
    start: (handlers) => handlers.onLead(1),
    mayAct: () => true,
    status: () => ({ leading: true, epoch: 1, leader: "alone" }),
    close: () => Promise.resolve(),
  };
}
