import type { Logger } from "../../../core/telemetry/log.ts";
import type { Notifier } from "./notifier.ts";

/** Tells the service's log. Links are left out: many can read a log who are not to decide. */
export function makeLogNotifier(log: Logger): Notifier {
  return {
    name: "log",
    notify({ title, lines, state, approval: { id, clusterId, namespace } }) {
      const decide = state === "proposed" ? `bcs-metric approvals show ${id}` : "";
      log.info({ approval: id, clusterId, namespace, state, lines, ...decide === "" ? {} : { decide } }, title);
      return Promise.resolve();
    },
  };
}
