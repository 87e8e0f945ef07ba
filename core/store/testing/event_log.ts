import assert from "node:assert/strict";
import type { StoreEvent } from "../store.ts";

/** Collects the events of a watch and waits for those that a test expects. */
export class EventLog {
  readonly events: StoreEvent[] = [];
  #wake = () => {};

  readonly listen = (event: StoreEvent): void => {
    this.events.push(event);
    this.#wake();
  };

  /** `put a.yaml=text`, `delete a.yaml`, `synced`, …, each on its own. */
  get lines(): string[] {
    return this.events.map(lineOf);
  }

  /** Waits until `found` holds of the lines; fails after five seconds with what came instead. */
  async until(found: (lines: readonly string[]) => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(5000);
    while (!found(this.lines)) {
      if (deadline.aborted) assert.fail(`the expected events did not come; these did: ${this.lines.join(", ")}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 100);
      });
    }
  }
}

function lineOf(event: StoreEvent): string {
  switch (event.type) {
    case "put":
      return `put ${event.entry.path}=${event.entry.text}`;
    case "delete":
      return `delete ${event.path}`;
    case "unreadable":
      return `unreadable ${event.path}: ${event.reason}`;
    case "synced":
    case "unavailable":
      return event.type;
    default:
      return event satisfies never;
  }
}
