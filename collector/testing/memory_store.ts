import type { Entry, Store, StoreEvent, Watch } from "../../core/store/store.ts";

/** A store in memory without conditions on writes, which can be made to fail. */
export class MemoryStore implements Store {
  readonly texts = new Map<string, string>();
  /** What every operation fails with, unless null. */
  failure: Error | null = null;
  readonly #watches = new Set<{ prefix: string; onEvent: (event: StoreEvent) => void }>();

  get(path: string): Promise<Entry | null> {
    return this.#do(() => this.#entry(path));
  }

  list(prefix: string): Promise<Entry[]> {
    return this.#do(() => [...this.texts.keys()].filter((path) => path.startsWith(prefix)).flatMap(this.#entries));
  }

  put(path: string, text: string): Promise<string> {
    return this.#do(() => {
      this.texts.set(path, text);
      this.#tell(path, { type: "put", entry: { path, text, revision: text } });
      return text;
    });
  }

  delete(path: string): Promise<void> {
    return this.#do(() => {
      if (this.texts.delete(path)) this.#tell(path, { type: "delete", path });
    });
  }

  watch(prefix: string, onEvent: (event: StoreEvent) => void): Promise<Watch> {
    return this.#do(() => {
      const watch = { prefix, onEvent };
      this.#watches.add(watch);
      for (const path of this.texts.keys()) {
        const entry = this.#entry(path);
        if (path.startsWith(prefix) && entry !== null) onEvent({ type: "put", entry });
      }
      onEvent({ type: "synced" });
      return {
        close: () => {
          this.#watches.delete(watch);
          return Promise.resolve();
        },
      };
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Resolves when what was begun before is done. */
  settled(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  readonly #entries = (path: string): Entry[] => {
    const entry = this.#entry(path);
    return entry === null ? [] : [entry];
  };

  #entry(path: string): Entry | null {
    const text = this.texts.get(path);
    return text === undefined ? null : { path, text, revision: text };
  }

  #tell(path: string, event: StoreEvent): void {
    for (const watch of this.#watches) if (path.startsWith(watch.prefix)) watch.onEvent(event);
  }

  #do<T>(run: () => T): Promise<T> {
    return this.failure === null ? Promise.resolve(run()) : Promise.reject(this.failure);
  }
}
