import { inBackground } from "../../core/runtime/process.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Orchestrator } from "../orchestrator/orchestrator.ts";

/**
 * The orchestrator of a service that leads now and then: made anew when it begins to lead, closed when another does,
 * so that only one service runs collectors. While the leadership has lapsed and nobody has taken it, what runs goes on.
 */
export class Term {
  readonly #make: () => Orchestrator;
  readonly #log: Logger;
  #orchestrator: Orchestrator | null = null;
  readonly #onEnded: () => void;
  #ending: Promise<void> | null = null;

  /** `make` is called at the beginning of each term, `onEnded` when everything of the last one has ended. */
  constructor(make: () => Orchestrator, log: Logger, onEnded: () => void) {
    this.#make = make;
    this.#log = log;
    this.#onEnded = onEnded;
  }

  /** Null before the first term and between terms. */
  get orchestrator(): Orchestrator | null {
    return this.#orchestrator;
  }

  /** The orchestrator to act with; null while what an earlier term ran has not ended yet. */
  begin(): Orchestrator | null {
    if (this.#ending !== null) return null;
    this.#orchestrator ??= this.#make();
    return this.#orchestrator;
  }

  /** Another leads: what the orchestrator runs by itself ends. */
  end(): void {
    const orchestrator = this.#orchestrator;
    if (orchestrator === null) return;
    this.#orchestrator = null;
    this.#ending = orchestrator.close().finally(() => {
      this.#ending = null;
      this.#onEnded();
    });
    inBackground(this.#log, "ending what this service ran as the leader", this.#ending);
  }

  async close(): Promise<void> {
    this.end();
    await this.#ending;
  }
}
