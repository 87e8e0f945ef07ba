import assert from "node:assert/strict";
import { isIntact } from "../../core/config/collection.ts";
import { readDocument } from "../../core/config/document.ts";
import { keyOfPath } from "../../core/config/key.ts";
import type { CollectionDocument } from "../../core/config/schema.ts";
import type { Plan, StoredCollection } from "../reconcile/view.ts";

/** The file as the store would hold it. */
export function storedCollection(path: string, text: string): StoredCollection {
  const key = keyOfPath(path) ?? assert.fail(path);
  const read = readDocument(path, text, { frequencyMinSeconds: 60 });
  const document = read.ok && read.document.kind === "Collection" && isIntact(read.document) ? read.document : null;
  return { ...key, path, text, revision: `revision of ${text.length}`, document };
}

/** The collections after the plan is carried out. */
export function carriedOut(plan: Plan, before: readonly StoredCollection[] = []): StoredCollection[] {
  const files = new Map(before.map((collection) => [collection.path, collection]));
  for (const { path } of plan.removals) files.delete(path);
  for (const { path, text } of plan.writes) files.set(path, storedCollection(path, text));
  return [...files.values()].toSorted((a, b) => a.path < b.path ? -1 : 1);
}

export function documentOf(collection: StoredCollection | undefined): CollectionDocument {
  return collection?.document ?? assert.fail("no intact collection");
}

/** Addresses by the collection's name. */
export function addressesOf(collections: readonly StoredCollection[]): Record<string, string[]> {
  return Object.fromEntries(collections.map((collection) => [
    collection.name,
    documentOf(collection).spec.metrics.flatMap((metric) => metric.targets.map((target) => target.address)),
  ]));
}
