/** Runs the operations of one path one after the other, and those of different paths side by side. */
export class PathQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when everything queued for `path` before has ended, and settles as it does. */
  run<T>(path: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(path) ?? Promise.resolve();
    const result = before.then(work);
    // A failed operation is its own caller's affair and does not stop the next.
    const ended = result.then(() => {}, () => {});
    this.#last.set(path, ended);
    void ended.then(() => {
      if (this.#last.get(path) === ended) this.#last.delete(path);
    });
    return result;
  }

  /** Resolves when everything queued by now has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
