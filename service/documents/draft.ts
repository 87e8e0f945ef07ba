import { isDeepStrictEqual } from "node:util";
import { editDocument, writeDocument } from "../../core/config/edit.ts";
import { isMapping } from "../../core/config/edit_render.ts";
import type { DocumentKey } from "../../core/config/key.ts";
import { readYaml } from "../../core/config/yaml.ts";

/**
 * A draft with what its key says, where it says nothing itself: `apiVersion`, `kind` and the names in `metadata`.
 * `status`, which the API adds to what it shows, is left out. What is no mapping stays as it is.
 */
export function completeDraft(draft: unknown, key: DocumentKey): unknown {
  if (!isMapping(draft)) return draft;
  const { status: _, apiVersion = "bcs-metric/v1", kind = key.kind, metadata = {}, ...rest } = draft;
  const { clusterId, namespace, name } = key;
  const names = isMapping(metadata) ? { clusterId, namespace, name, ...metadata } : metadata;
  return { apiVersion, kind, metadata: names, ...rest };
}

/**
 * The text that a draft was read from, made to read as the completed draft: what was completed goes to its head, where
 * a reader looks for it, when all of it was missing.
 */
export function completeText(text: string, completed: unknown): string {
  const read = readYaml(text);
  const stated = read.ok ? read.document.value : null;
  if (!isMapping(stated) || !isMapping(completed)) return editDocument(text, completed);
  const missing = Object.fromEntries(Object.entries(completed).filter(([key]) => !Object.hasOwn(stated, key)));
  const rest = editDocument(text, Object.fromEntries(Object.entries(completed).filter(([key]) => key in stated)));
  if (Object.keys(missing).length === 0) return rest;
  const whole = writeDocument(missing) + rest;
  const again = readYaml(whole);
  return again.ok && isDeepStrictEqual(again.document.value, completed) ? whole : editDocument(text, completed);
}
