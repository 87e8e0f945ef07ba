import { DueQueue } from "../../collector/schedule/due_queue.ts";
import { seededRandom } from "../../core/runtime/seeded_random.ts";
import type { StoreEvent } from "../../core/store/store.ts";
import type { ScrapeLedger } from "./scrape_ledger.ts";

export const startMs = 1_800_000_000_000;
export const place = { clusterId: "c1", namespace: "shop" } as const;
export const leaseMs = 15_000;

/** How long things take, at most, in milliseconds; each time a random part of it. */
export interface Delays {
  /** From a collection file's change until a collector has it in force. */
  readonly configMs: number;
  /** From a generation in force until the service knows. */
  readonly statusMs: number;
  /** From the wish for a collector until it runs. */
  readonly startMs: number;
}

interface Due {
  readonly dueMs: number;
  readonly run: () => void;
}

/** What service and collectors share, in virtual time: the clock, the volume's files, the registry and the statuses. */
export class VirtualWorld {
  nowMs = startMs;
  readonly delays: Delays;
  readonly ledger: ScrapeLedger;
  /** Paths to texts. */
  readonly files = new Map<string, string>();
  /** Collectors whose lease has not ended. */
  readonly alive = new Set<string>();
  /** The generation that each collector last told. */
  readonly told = new Map<string, number>();
  readonly #random;
  readonly #queue = new DueQueue<Due>();
  #onFile: ((event: StoreEvent) => void)[] = [];
  /** Called when a lease, a status or the documents changed. */
  onNews = () => {};

  constructor(seed: number, delays: Delays, ledger: ScrapeLedger) {
    this.#random = seededRandom(seed);
    this.delays = delays;
    this.ledger = ledger;
  }

  /** From 0 to just below `below`. */
  int(below: number): number {
    return Math.floor(this.#random.float() * below);
  }

  at(delayMs: number, run: () => void): void {
    this.#queue.push({ dueMs: this.nowMs + Math.max(0, delayMs), run });
  }

  runUntil(endMs: number): void {
    for (let next = this.#queue.peek(); next !== undefined && next.dueMs <= endMs; next = this.#queue.peek()) {
      this.#queue.pop();
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      next.run();
    }
    this.nowMs = endMs;
  }

  onFile(listener: (event: StoreEvent) => void): void {
    this.#onFile.push(listener);
  }

  put(path: string, text: string): StoreEvent {
    this.files.set(path, text);
    return this.#tell({ type: "put", entry: { path, text, revision: text } });
  }

  delete(path: string): StoreEvent {
    this.files.delete(path);
    return this.#tell({ type: "delete", path });
  }

  #tell(event: StoreEvent): StoreEvent {
    for (const listener of this.#onFile) listener(event);
    return event;
  }
}
