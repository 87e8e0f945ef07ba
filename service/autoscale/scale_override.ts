import { z } from "zod";
import { nameProblem } from "../../core/config/names.ts";
import { parseJson } from "../../core/json.ts";
import { type StoreEvent, systemPrefix } from "../../core/store/store.ts";
import { scopeOf } from "../targets/sources.ts";

/**
 * An approved number of collectors, as the store keeps it in `.bcs-metric/scale/<clusterId>/<namespace>.json`. It is
 * the one truth of what was approved: files of users are never changed for it. See {@link wishedReplicas}.
 */
export interface ScaleOverride {
  readonly clusterId: string;
  readonly namespace: string;
  readonly replicas: number;
  /** What the documents said at the approval. */
  readonly declared: number;
  /** Id of the approval that it carries out. */
  readonly approval: string;
  /** Of the leader that wrote it. */
  readonly epoch: number;
}

export const scaleFolder = `${systemPrefix}scale/`;

const safeName = z.string().refine((name) => nameProblem(name) === null, { error: "is no safe name" });

const overrideSchema = z.looseObject({
  clusterId: safeName,
  namespace: safeName,
  replicas: z.int().min(0).max(1000),
  declared: z.int().min(0),
  approval: z.string().min(1),
  epoch: z.int().min(0),
});

export function overridePath({ clusterId, namespace }: Pick<ScaleOverride, "clusterId" | "namespace">): string {
  return `${scaleFolder}${clusterId}/${namespace}.json`;
}

export function writeOverride(override: ScaleOverride): string {
  return `${JSON.stringify(override, null, 2)}\n`;
}

/** The override that an entry of the store is; null when it is none, or belongs elsewhere. */
export function readOverride(path: string, text: string): ScaleOverride | null {
  const read = overrideSchema.safeParse(parseJson(text));
  return read.success && overridePath(read.data) === path ? read.data : null;
}

/** An override, and the revision of its entry. */
export interface StoredOverride {
  readonly override: ScaleOverride;
  readonly revision: string;
}

/** The approved numbers as the store has them. */
export class ScaleState {
  readonly #overrides = new Map<string, StoredOverride>();
  /** Entries that are there and hold no override, with their revisions: to be replaced by the next one. */
  readonly #unreadable = new Map<string, string>();

  /** Takes an event of the store. Returns whether it changed a number. */
  apply(event: StoreEvent): boolean {
    if (event.type === "delete") {
      this.#unreadable.delete(event.path);
      return this.#overrides.delete(event.path);
    }
    if (event.type !== "put" || !event.entry.path.startsWith(scaleFolder)) return false;
    const { path, text, revision } = event.entry;
    const override = readOverride(path, text);
    if (override === null) {
      this.#unreadable.set(path, revision);
      return this.#overrides.delete(path);
    }
    const before = this.#overrides.get(path);
    this.#unreadable.delete(path);
    this.#overrides.set(path, { override, revision });
    return before?.revision !== revision;
  }

  all(): StoredOverride[] {
    return [...this.#overrides.values()];
  }

  /** By scope, for a reconciliation. */
  byScope(): ReadonlyMap<string, ScaleOverride> {
    return new Map(this.all().map(({ override }) => [scopeOf(override), override]));
  }

  find(place: Pick<ScaleOverride, "clusterId" | "namespace">): ScaleOverride | undefined {
    return this.#overrides.get(overridePath(place))?.override;
  }

  /** What a write of the place's entry is to replace; null when there is none. */
  revisionOf(place: Pick<ScaleOverride, "clusterId" | "namespace">): string | null {
    const path = overridePath(place);
    return this.#overrides.get(path)?.revision ?? this.#unreadable.get(path) ?? null;
  }
}
