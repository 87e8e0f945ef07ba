import type { Clock } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Loss } from "../ledger/loss.ts";
import type { CursorEvent, CursorState } from "./cursor_state.ts";

/** At most one line about rejections in this time. */
const rejectionLogIntervalMs = 10_000;

export interface SinkReportsOptions {
  readonly sink: string;
  /** Where the dead letters are. */
  readonly deadLettersPath: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Logs what happens to one sink, as far as it means something to an operator. */
export class SinkReports {
  readonly #options: SinkReportsOptions;
  #rejectionLoggedMs = -Infinity;

  constructor(options: SinkReportsOptions) {
    this.#options = options;
  }

  /** To be told before the event takes effect. A dead destination is told at its 1st, 2nd, 4th, 8th … failure. */
  event(event: CursorEvent, { attempts, stopping }: Pick<CursorState, "attempts" | "stopping">): void {
    const { log, sink } = this.#options;
    if (event.type === "failed") log.error({ sink, reason: event.reason }, "sink broke down; trying again");
    if (event.type === "saveFailed") log.warn({ sink, reason: event.reason }, "cursor cannot be saved");
    if (event.type === "declareFailed") {
      log.error({ sink, reason: event.reason }, "losses cannot be declared; the cursor waits");
    }
    if (event.type === "readFailed") log.error({ sink, reason: event.reason }, "log cannot be read; trying again");
    if (event.type !== "answered" || stopping !== "no") return;
    const { answer } = event;
    if (answer.outcome === "delivered" && attempts > 0) log.info({ sink, attempts }, "sink delivers again");
    if (answer.outcome === "rejected") this.#rejection(answer.reason);
    if (answer.outcome !== "retry") return;
    const failures = attempts + 1;
    const told = answer.alarm === true ? "error" : "warn";
    const level = Number.isInteger(Math.log2(failures)) ? told : "debug";
    log[level]({ sink, reason: answer.reason, failures }, "delivery failed; trying again");
  }

  /** What a collector declared is its own business; what the exporter had and lost is an error. */
  declared(losses: readonly Loss[]): void {
    const { log, sink } = this.#options;
    for (const { origins: _origins, ...loss } of losses) {
      const level = loss.reason === "collector" ? "warn" : "error";
      log[level]({ sink, ...loss }, "loss declared");
    }
  }

  #rejection(reason: string): void {
    const { clock, deadLettersPath: path, log, sink } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#rejectionLoggedMs < rejectionLogIntervalMs) return;
    this.#rejectionLoggedMs = nowMs;
    log.warn({ sink, reason, path }, "records rejected; keeping them as dead letters");
  }
}
