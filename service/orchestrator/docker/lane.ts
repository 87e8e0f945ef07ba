/**
 * Work on one thing, one piece after the other. Who starts a piece while the one before is under way supersedes what
 * waits: only the last wish counts.
 */
export class Lane {
  #running: Promise<void> | null = null;
  #next: { readonly work: () => Promise<void>; readonly done: PromiseWithResolvers<void> } | null = null;

  get working(): boolean {
    return this.#running !== null;
  }

  /** Resolves or rejects as the work does; that of a piece which was superseded, as the one that took its place. */
  run(work: () => Promise<void>): Promise<void> {
    const done = this.#next?.done ?? Promise.withResolvers<void>();
    this.#next = { work, done };
    this.#running ??= this.#drain();
    return done.promise;
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #drain(): Promise<void> {
    // Callers set up what the work looks at after `run` has returned.
    await Promise.resolve();
    while (this.#next !== null) {
      const { work, done } = this.#next;
      this.#next = null;
      const tell = await work().then(() => done.resolve, (error: unknown) => () => done.reject(error));
      // Who is told of the last piece finds the lane at rest.
      if (this.#waiting() === null) this.#running = null;
      tell();
      if (this.#running === null) return;
    }
  }

  /** Read anew: it may have changed during the work. */
  #waiting(): unknown {
    return this.#next;
  }
}
