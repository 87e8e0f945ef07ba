import { isDeepStrictEqual } from "node:util";
import { RevisionConflictError, type Store, type StoreEvent } from "../../core/store/store.ts";
import { scopeOf } from "../targets/sources.ts";
import { type HeldChange, type Hold, holdPath, holdsFolder, readHold, writeHold } from "./hold.ts";

export type Confirmation = "confirmed" | "nothing-held" | "other-hash";

/** The held changes as the store has them: whoever leads writes them, every service shows and confirms them. */
export class HoldState {
  /** By path. */
  readonly #holds = new Map<string, { readonly hold: Hold; readonly revision: string }>();
  readonly #store: Pick<Store, "put" | "delete">;

  constructor(store: Pick<Store, "put" | "delete">) {
    this.#store = store;
  }

  /** Takes an event of the store. Returns whether it changed what is held or confirmed. */
  apply(event: StoreEvent): boolean {
    if (event.type === "delete") return this.#holds.delete(event.path);
    if (event.type !== "put" || !event.entry.path.startsWith(holdsFolder)) return false;
    const { path, text, revision } = event.entry;
    const hold = readHold(path, text);
    if (hold === null) return this.#holds.delete(path);
    const before = this.#holds.get(path);
    this.#holds.set(path, { hold, revision });
    return before?.revision !== revision;
  }

  /** What is held, sorted by cluster and namespace. */
  all(): Hold[] {
    return [...this.#holds].toSorted(([a], [b]) => a < b ? -1 : 1).map(([, { hold }]) => hold);
  }

  byScope(): Map<string, Hold> {
    return new Map(this.all().map((hold) => [scopeOf(hold), hold]));
  }

  /**
   * Lets a held change happen, provided that it is still the one with this hash.
   * @throws the errors of the store.
   */
  async confirm(
    key: { readonly clusterId: string; readonly namespace: string },
    hash: string,
    by: string,
  ): Promise<Confirmation> {
    const path = holdPath(key);
    const present = this.#holds.get(path);
    if (present === undefined) return "nothing-held";
    if (present.hold.hash !== hash) return "other-hash";
    const text = writeHold({ ...present.hold, confirmed: hash, confirmedBy: by });
    try {
      // It counts from the moment that the store tells of it, for whoever leads.
      await this.#store.put(path, text, present.revision);
    } catch (error) {
      if (error instanceof RevisionConflictError) return "other-hash";
      throw error;
    }
    return "confirmed";
  }

  /**
   * Forgets a held change, with the confirmation that it may have, provided that it is still the one with this hash.
   * Whoever leads looks anew then, and holds again what the documents still want.
   * @throws the errors of the store.
   */
  async discard(
    key: { readonly clusterId: string; readonly namespace: string },
    hash: string,
  ): Promise<Exclude<Confirmation, "confirmed"> | "discarded"> {
    const path = holdPath(key);
    const present = this.#holds.get(path);
    if (present === undefined) return "nothing-held";
    if (present.hold.hash !== hash) return "other-hash";
    try {
      await this.#store.delete(path, present.revision);
    } catch (error) {
      if (error instanceof RevisionConflictError) return "other-hash";
      throw error;
    }
    return "discarded";
  }

  /** What is to be written and removed so that the store has exactly these. */
  changesTo(
    held: readonly HeldChange[],
  ): { readonly writes: readonly Hold[]; readonly removals: readonly Hold[] } {
    const wanted = new Set(held.map(holdPath));
    const isKnown = (change: HeldChange) => {
      const present = this.#holds.get(holdPath(change))?.hold;
      return present !== undefined
        && isDeepStrictEqual({ ...present, confirmed: "", confirmedBy: "" }, unconfirmed(change));
    };
    return {
      writes: held.filter((change) => !isKnown(change)).map(unconfirmed),
      removals: [...this.#holds].filter(([path]) => !wanted.has(path)).map(([, { hold }]) => hold),
    };
  }

  async write(hold: Hold): Promise<void> {
    const path = holdPath(hold);
    const text = writeHold(hold);
    const revision = await this.#store.put(path, text, this.#holds.get(path)?.revision ?? null);
    this.apply({ type: "put", entry: { path, text, revision } });
  }

  async remove(hold: Hold): Promise<void> {
    const path = holdPath(hold);
    await this.#store.delete(path, this.#holds.get(path)?.revision);
    this.#holds.delete(path);
  }
}

function unconfirmed(change: HeldChange): Hold {
  return { ...change, confirmed: "", confirmedBy: "" };
}
