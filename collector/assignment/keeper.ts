import { messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import {
  type Assignment,
  type AssignmentEvent,
  assignmentProblem,
  type AssignmentState,
  makeAssignmentState,
  stepAssignment,
} from "./assignment.ts";
import type { LastGood } from "./last_good.ts";
import type { AssignmentSource } from "./source.ts";

export interface KeeperOptions {
  /** Of the collection. */
  readonly path: string;
  readonly frequencyMinSeconds: number;
  readonly lastGood: LastGood;
  readonly log: Logger;
  /** Called with what is in force now; null means nothing. */
  readonly apply: (assignment: Assignment | null) => void;
}

/** Keeps an assignment in force: restores it from the last run, follows a source, and writes down what is good. */
export class AssignmentKeeper {
  readonly #options: KeeperOptions;
  readonly #state: AssignmentState;
  #source: AssignmentSource | null = null;
  /** Writes one after the other, so that the last one wins. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#state = makeAssignmentState(options.path, options.frequencyMinSeconds);
  }

  get inForce(): Assignment | null {
    return this.#state.inForce;
  }

  /** Something is in force, or the source is sure that there is nothing to be. */
  get isSettled(): boolean {
    return this.#state.isSettled;
  }

  /** Why what is in force may not be what was meant; "" when all is well. */
  get problem(): string {
    return assignmentProblem(this.#state);
  }

  /** Puts the assignment of the last run in force, if there is one. Call it before `follow`. */
  async restore(): Promise<void> {
    const text = await this.#options.lastGood.read();
    if (text !== null) this.#step({ type: "restored", text });
  }

  /** Follows `source` from now on; it is closed with this. */
  async follow(source: AssignmentSource): Promise<void> {
    this.#source = source;
    await source.start((event) => this.#step(event), this.#state.inForce?.generation ?? 0);
  }

  async close(): Promise<void> {
    await this.#source?.close();
    await this.#writing;
  }

  #step(event: AssignmentEvent): void {
    for (const effect of stepAssignment(this.#state, event)) {
      switch (effect.type) {
        case "apply":
          this.#options.apply(effect.assignment);
          break;
        case "keep":
          this.#keep(effect.text);
          break;
        case "note":
          this.#options.log[effect.level](effect.fields, effect.message);
          break;
      }
    }
  }

  #keep(text: string | null): void {
    const { lastGood, log } = this.#options;
    this.#writing = this.#writing.then(() => lastGood.keep(text)).catch((error: unknown) => {
      log.warn({ reason: messageOf(error) }, "cannot keep the assignment for the next start");
    });
  }
}
