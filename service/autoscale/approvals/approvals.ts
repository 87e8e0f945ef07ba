import { RevisionConflictError, type Store, type StoreEvent } from "../../../core/store/store.ts";
import { type Approval, approvalPath, approvalsFolder, isOpen, readApproval, writeApproval } from "./approval.ts";
import type { Transition } from "./transitions.ts";

/** How often a change is tried when others change the same approval. */
const attemptsMax = 5;

interface Known {
  readonly approval: Approval;
  readonly revision: string;
}

/** The approvals as the store has them: whoever leads makes them and carries them out, every service decides them. */
export class Approvals {
  readonly #known = new Map<string, Known>();
  readonly #store: Pick<Store, "get" | "put" | "delete">;
  readonly #listeners = new Set<(approval: Approval, before: Approval | null) => void>();

  constructor(store: Pick<Store, "get" | "put" | "delete">) {
    this.#store = store;
  }

  /** Takes an event of the store. Returns whether it changed an approval. */
  apply(event: StoreEvent): boolean {
    if (event.type === "delete") return this.#known.delete(event.path);
    if (event.type !== "put" || !event.entry.path.startsWith(approvalsFolder)) return false;
    const { path, text, revision } = event.entry;
    const approval = readApproval(path, text);
    if (approval === null) return this.#known.delete(path);
    const before = this.#known.get(path);
    // What this process wrote itself may be told of late: an older state never comes back.
    if (before?.revision === revision || (before?.approval.trail.length ?? 0) > approval.trail.length) return false;
    this.#known.set(path, { approval, revision });
    for (const listener of this.#listeners) listener(approval, before?.approval ?? null);
    return true;
  }

  /** Calls back after each change of an approval, and for each that there is at the beginning. */
  onChange(listener: (approval: Approval, before: Approval | null) => void): void {
    this.#listeners.add(listener);
  }

  /** The newest first. */
  all(): Approval[] {
    return [...this.#known.values()].map(({ approval }) => approval).toSorted((a, b) =>
      b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1)
    );
  }

  find(id: string): Approval | null {
    return this.#known.get(approvalPath(id))?.approval ?? null;
  }

  open(): Approval[] {
    return this.all().filter(isOpen);
  }

  /** @throws the errors of the store. */
  async add(approval: Approval): Promise<void> {
    const path = approvalPath(approval.id);
    await this.#put(path, approval, null);
  }

  /**
   * Changes an approval by what `change` makes of it as it stands in the store; null leaves it. Somebody else may
   * change it at the same moment: then it is looked at anew, so that of two decisions the first one counts.
   * @throws the errors of the store.
   */
  async change(id: string, change: (present: Approval) => Transition): Promise<Transition> {
    const path = approvalPath(id);
    for (let attempt = 1;; attempt++) {
      const entry = await this.#store.get(path);
      const present = entry === null ? null : readApproval(path, entry.text);
      if (entry === null || present === null) return { ok: false, reason: "it is not there any more" };
      const outcome = change(present);
      if (!outcome.ok) return outcome;
      try {
        await this.#put(path, outcome.approval, entry.revision);
        return outcome;
      } catch (error) {
        if (!(error instanceof RevisionConflictError) || attempt >= attemptsMax) throw error;
      }
    }
  }

  /** @throws the errors of the store. */
  async remove({ id }: Approval): Promise<void> {
    const path = approvalPath(id);
    await this.#store.delete(path, this.#known.get(path)?.revision);
    this.#known.delete(path);
  }

  async #put(path: string, approval: Approval, expected: string | null): Promise<void> {
    const text = writeApproval(approval);
    const revision = await this.#store.put(path, text, expected);
    this.apply({ type: "put", entry: { path, text, revision } });
  }
}
