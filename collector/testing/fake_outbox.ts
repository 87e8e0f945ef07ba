import type { OutboundRecord, Outbox } from "../send/outbox.ts";

/** Keeps what is pushed. */
export class FakeOutbox implements Outbox {
  readonly records: OutboundRecord[] = [];
  #sequence = 0;
  #waiting: { count: number; resolve: () => void }[] = [];

  push(record: OutboundRecord): number {
    this.records.push(record);
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.records.length < count) return true;
      resolve();
      return false;
    });
    return ++this.#sequence;
  }

  /** Resolves when at least so many records were pushed. */
  holds(count: number): Promise<void> {
    if (this.records.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  /** The records pushed since the last call. */
  take(): OutboundRecord[] {
    return this.records.splice(0);
  }
}
