import { Hono } from "hono";
import type { Clock } from "../../core/runtime/env.ts";
import type { EventLog } from "../events/mod.ts";
import type { ExplainView } from "../explain/mod.ts";
import { eventRoutes } from "./events_routes.ts";
import { type AskExporters, explainRoutes } from "./explain_routes.ts";
import { trialRoutes, type TrialRoutesDeps } from "./trial_routes.ts";

export interface DiagnosisDeps extends TrialRoutesDeps {
  readonly clock: Clock;
  readonly events: EventLog;
  /** What the service knows now; null while it does not know enough. */
  explainView(): Promise<ExplainView | null>;
  readonly askExporters: AskExporters;
}

export interface DiagnosisRoutes {
  readonly app: Hono;
  /** Ends what streams. */
  close(): void;
}

/** What tells why something is as it is: `explain`, trials and events. */
export function diagnosisRoutes(deps: DiagnosisDeps): DiagnosisRoutes {
  const events = eventRoutes(deps.events, deps.clock);
  const app = new Hono();
  app.route("/", explainRoutes(() => deps.explainView(), deps.askExporters));
  app.route("/", trialRoutes(deps));
  app.route("/", events.app);
  return { app, close: () => events.close() };
}
