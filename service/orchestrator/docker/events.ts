import { messageOf } from "../../../core/errors.ts";
import type { Clock, Random } from "../../../core/runtime/env.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import type { Engine } from "./engine.ts";
import { type EngineEvent, eventSchema } from "./engine_schema.ts";
import { labelNames } from "./labels.ts";

export interface EventsOptions {
  readonly engine: Pick<Engine, "stream">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly owner: string;
  /** Something may have changed; at most once in {@link quietMs}. */
  onChange(): void;
}

/** Several events of one change are told as one. */
const quietMs = 100;
const backoffMinMs = 200;
const backoffMaxMs = 15_000;
const containerEvents = [
  "create",
  "start",
  "restart",
  "die",
  "oom",
  "pause",
  "unpause",
  "update",
  "destroy",
  "health_status",
];
const networkEvents = ["connect", "disconnect"];

/**
 * Follows the engine's events for as long as it is open. After each gap everything may have changed, and that is told;
 * so no event has to be asked for again.
 */
export class EngineEvents {
  readonly #options: EventsOptions;
  readonly #abort = new AbortController();
  readonly #ended: Promise<void>;
  #cancelQuiet: (() => void) | null = null;
  #again = false;

  constructor(options: EventsOptions) {
    this.#options = options;
    this.#ended = this.#follow();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    this.#cancelQuiet?.();
    await this.#ended;
  }

  async #follow(): Promise<void> {
    const { log, random } = this.#options;
    const { signal } = this.#abort;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#listen(() => failures = 0);
        log.debug("the Docker Engine has ended its stream of events");
      } catch (error) {
        if (signal.aborted) return;
        if (failures === 0) {
          log.warn({ reason: messageOf(error) }, "cannot follow the Docker Engine's events; trying again");
        }
      }
      failures++;
      await this.#pause(Math.min(backoffMaxMs, backoffMinMs * 2 ** (failures - 1)) * (0.5 + random.float() / 2));
    }
  }

  async #listen(onOpen: () => void): Promise<void> {
    const { engine } = this.#options;
    const filters = JSON.stringify({ type: ["container", "network"], event: [...containerEvents, ...networkEvents] });
    const call = { method: "GET", path: "/events", query: { filters } } as const;
    const opened = () => {
      onOpen();
      this.#tell();
    };
    for await (const value of engine.stream(call, this.#abort.signal, opened)) {
      const event = eventSchema.safeParse(value);
      if (event.success && this.#concerns(event.data)) this.#tell();
    }
  }

  /** An event of a network names a container only by its id: each counts. */
  #concerns({ Type, Actor }: EngineEvent): boolean {
    return Type === "network" || Actor.Attributes[labelNames.owner] === this.#options.owner;
  }

  /** At once, and once more after a while when there was more. */
  #tell(): void {
    if (this.#cancelQuiet !== null) {
      this.#again = true;
      return;
    }
    this.#cancelQuiet = this.#options.clock.after(quietMs, () => {
      this.#cancelQuiet = null;
      if (!this.#again) return;
      this.#again = false;
      this.#tell();
    });
    this.#options.onChange();
  }

  #pause(delayMs: number): Promise<void> {
    const { signal } = this.#abort;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(delayMs, done);
      function done(): void {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      }
      signal.addEventListener("abort", done);
    });
  }
}
