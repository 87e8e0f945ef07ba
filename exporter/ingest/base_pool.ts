/** A session's share of the budget is this part of an even one among twice as many, so that later ones find room. */
const shareOfEven = 1 / 4;

export interface BaseLimits {
  /** What the bases of all sessions may take together. */
  readonly budgetBytes: number;
  readonly sessionBytesMax: number;
}

/**
 * Grants each session, once and for all, room for the bases of its coded scrapes; no I/O. The more sessions there are,
 * the less a further one gets, down to nothing: its scrapes are coded without a base then, or not at all.
 */
export class BasePool<Session> {
  readonly #limits: BaseLimits;
  readonly #grants = new Map<Session, number>();
  #grantedBytes = 0;

  constructor(limits: BaseLimits) {
    this.#limits = limits;
  }

  /** What the session may use; 0 when nothing is left. */
  join(session: Session): number {
    const { budgetBytes, sessionBytesMax } = this.#limits;
    const sessions = 2 ** Math.ceil(Math.log2(this.#grants.size + 1));
    const share = Math.floor(budgetBytes / sessions * shareOfEven);
    const grant = Math.min(share, sessionBytesMax, budgetBytes - this.#grantedBytes);
    this.#grants.set(session, grant);
    this.#grantedBytes += grant;
    return grant;
  }

  leave(session: Session): void {
    this.#grantedBytes -= this.#grants.get(session) ?? 0;
    this.#grants.delete(session);
  }
}
