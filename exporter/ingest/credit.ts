/** The smallest share of the budget that pressure leaves. */
const pressedShareMin = 1 / 16;
/** What each tick without pressure gives back of it. */
const recoveredShare = 1 / 8;

export interface CreditLimits {
  /** What all sessions together may have sent without an acknowledgement. */
  readonly budgetBytes: number;
  readonly windowBytesMax: number;
}

/** A session's new window. */
export interface Credit<Session> {
  readonly session: Session;
  readonly windowBytes: number;
}

/**
 * Divides one budget of bytes among the sessions, as their windows; no I/O.
 *
 * Each gets the same share, a power of two, so that it changes seldom though sessions come and go. A window is made
 * smaller at once; it grows only into what is free: a session counts with its window or with what it has sent and was
 * not yet made durable, whichever is more. So windows and unacknowledged bytes never exceed the budget, beyond one
 * frame for each session, which a collector may send with any window. Under pressure the budget itself shrinks.
 */
export class CreditPool<Session> {
  readonly #limits: CreditLimits;
  readonly #pendingBytes: (session: Session) => number;
  readonly #windows = new Map<Session, number>();
  /** Of the budget, given out now. */
  #share = 1;

  /** `pendingBytes` tells what a session has sent and was not yet made durable. */
  constructor(limits: CreditLimits, pendingBytes: (session: Session) => number) {
    this.#limits = limits;
    this.#pendingBytes = pendingBytes;
  }

  /** The sum of all windows. */
  get windowBytes(): number {
    let sum = 0;
    for (const bytes of this.#windows.values()) sum += bytes;
    return sum;
  }

  /** Adds a session; the changes hold its own first window, which may be 0: one frame at a time. */
  join(session: Session): Credit<Session>[] {
    this.#windows.set(session, 0);
    const changes = this.#divide();
    return changes.some((change) => change.session === session) ? changes : [...changes, { session, windowBytes: 0 }];
  }

  leave(session: Session): void {
    this.#windows.delete(session);
  }

  /** Called about every second. `pressed`: the log could not keep up since the last time. */
  tick(pressed: boolean): Credit<Session>[] {
    this.#share = pressed ? Math.max(pressedShareMin, this.#share / 2) : Math.min(1, this.#share + recoveredShare);
    return this.#divide();
  }

  #divide(): Credit<Session>[] {
    const { budgetBytes, windowBytesMax } = this.#limits;
    if (this.#windows.size === 0) return [];
    const usableBytes = budgetBytes * this.#share;
    const window = Math.min(windowBytesMax, powerOfTwoWithin(usableBytes / this.#windows.size));
    const changes: Credit<Session>[] = [];
    const change = (session: Session, windowBytes: number) => {
      this.#windows.set(session, windowBytes);
      changes.push({ session, windowBytes });
    };
    for (const [session, present] of this.#windows) if (present > window) change(session, window);
    let committedBytes = 0;
    for (const [session, present] of this.#windows) committedBytes += Math.max(present, this.#pendingBytes(session));
    for (const [session, present] of this.#windows) {
      if (present >= window) continue;
      const pendingBytes = this.#pendingBytes(session);
      const growthBytes = Math.max(window, pendingBytes) - Math.max(present, pendingBytes);
      if (committedBytes + growthBytes > budgetBytes) continue;
      committedBytes += growthBytes;
      change(session, window);
    }
    return changes;
  }
}

/** The greatest power of two that is not above `bytes`; 0 for less than 1. */
function powerOfTwoWithin(bytes: number): number {
  return bytes < 1 ? 0 : 2 ** Math.floor(Math.log2(bytes));
}
