import { messageOf } from "../../../core/errors.ts";
import type { Clock, FileSystem } from "../../../core/runtime/env.ts";
import { inBackground } from "../../../core/runtime/process.ts";
import type { Logger } from "../../../core/telemetry/log.ts";
import { rotateLog } from "./log_rotation.ts";

/** How often the logs are looked at. */
export const lookEveryMs = 10_000;

/** Looks now and then at the logs of child processes and rotates those that have grown too long. */
export class LogKeeper {
  readonly #deps: { readonly clock: Clock; readonly fs: FileSystem; readonly log: Logger };
  readonly #paths = new Set<string>();
  #cancelTimer = () => {};
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(deps: { readonly clock: Clock; readonly fs: FileSystem; readonly log: Logger }) {
    this.#deps = deps;
    this.#plan();
  }

  /** From now on the log at this path is looked after. */
  add(path: string): void {
    this.#paths.add(path);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer();
    await this.#looking;
  }

  #plan(): void {
    if (this.#closed) return;
    this.#cancelTimer = this.#deps.clock.after(lookEveryMs, () => {
      this.#looking = this.#look();
      inBackground(this.#deps.log, "looking after the logs", this.#looking);
    });
  }

  async #look(): Promise<void> {
    for (const path of this.#paths) {
      try {
        await rotateLog(this.#deps.fs, path);
      } catch (error) {
        this.#deps.log.warn({ path, reason: messageOf(error) }, "rotating a log failed; it is tried again");
      }
    }
    this.#plan();
  }
}
