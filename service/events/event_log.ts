/** What the service tells of as it happens. */
export const eventTypes = [
  "document.changed",
  "document.removed",
  "document.refused",
  "document.mended",
  "document.ignored",
  "generation",
  "target.up",
  "target.down",
  "cluster.unread",
  "collector.come",
  "collector.gone",
  "collector.given-up",
  "workload.drift",
  "workload.problem",
  "approval",
  "leader",
] as const;
export type EventType = (typeof eventTypes)[number];

/** Something that happened, before it is numbered. */
export interface Happening {
  readonly type: EventType;
  /** "" when it concerns no namespace. */
  readonly cluster: string;
  readonly namespace: string;
  /** What it is about: a document's path, a target's metric and address, a collector's name. */
  readonly name: string;
  /** One line for people; "" when the type says it all. */
  readonly detail: string;
}

export interface ServiceEvent extends Happening {
  /** `<epoch>-<number>`: grows by one from event to event of one service. */
  readonly id: string;
  /** Unix milliseconds. */
  readonly timeMs: number;
}

export interface EventsSince {
  readonly events: readonly ServiceEvent[];
  /** Whether some are gone that came after the given one: it is too old, or of another service or run. */
  readonly missed: boolean;
}

/** Events kept for those who come back. */
export const eventsMaxDefault = 1000;

/** The last events of this service, in memory: for looking on, not for keeping. The oldest go first. */
export class EventLog {
  readonly #epoch: string;
  readonly #eventsMax: number;
  readonly #wallMs: () => number;
  readonly #events: ServiceEvent[] = [];
  readonly #listeners = new Set<() => void>();
  #next = 1;

  /** @param epoch tells this run of this service from every other; letters and digits. */
  constructor(options: { readonly epoch: string; readonly wallMs: () => number; readonly eventsMax?: number }) {
    this.#epoch = options.epoch;
    this.#wallMs = options.wallMs;
    this.#eventsMax = options.eventsMax ?? eventsMaxDefault;
  }

  /** Id of the newest event, or of the beginning. */
  get lastId(): string {
    return this.#idOf(this.#next - 1);
  }

  /** Id before the oldest event that is kept. */
  get firstId(): string {
    return this.#idOf(this.#next - this.#events.length - 1);
  }

  add(happenings: readonly Happening[]): void {
    if (happenings.length === 0) return;
    const timeMs = this.#wallMs();
    for (const happening of happenings) this.#events.push({ id: this.#idOf(this.#next++), timeMs, ...happening });
    this.#events.splice(0, Math.max(0, this.#events.length - this.#eventsMax));
    for (const listener of this.#listeners) listener();
  }

  /** The events after the one with `id`; all that are kept, with `missed`, when it is not known here. */
  since(id: string): EventsSince {
    const number = this.#numberOf(id);
    const oldest = this.#next - this.#events.length;
    if (number === null) return { events: [...this.#events], missed: true };
    return { events: this.#events.slice(Math.max(0, number + 1 - oldest)), missed: number + 1 < oldest };
  }

  /** The events that are kept. */
  all(): readonly ServiceEvent[] {
    return [...this.#events];
  }

  /** Calls back after events were added. Returns what ends it. */
  onAdd(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #idOf(number: number): string {
    return `${this.#epoch}-${number}`;
  }

  #numberOf(id: string): number | null {
    const match = /^([A-Za-z0-9]+)-(\d{1,15})$/.exec(id);
    const number = Number(match?.[2]);
    return match?.[1] === this.#epoch && number < this.#next ? number : null;
  }
}
