import { Buffer } from "node:buffer";
import { documentPath } from "../../core/config/key.ts";
import type { StoredDocument } from "../documents/documents.ts";

/** Documents on a page unless the client asks for another number, and the most that it may ask for. */
export const limitDefault = 500;
export const limitMax = 5000;

/** A page also ends when its documents' files have so many bytes: a Collection may be large. */
const pageBytesMax = 16 * 1024 * 1024;

export interface Page {
  readonly items: readonly StoredDocument[];
  /** What asks for the next page; null on the last. */
  readonly next: string | null;
}

/**
 * The documents after the one that `after` names, in the order of `documents`, which are sorted by path. A page tells
 * where it ended by path, so that documents which come and go in between neither repeat nor hide others.
 */
export function pageOf(documents: readonly StoredDocument[], limit: number, after: string | null): Page {
  const items: StoredDocument[] = [];
  let bytes = 0;
  for (const stored of documents) {
    const path = documentPath(stored.key);
    if (after !== null && path <= after) continue;
    const last = items.at(-1);
    if (last !== undefined && (items.length >= limit || bytes + stored.text.length > pageBytesMax)) {
      return { items, next: Buffer.from(documentPath(last.key)).toString("base64url") };
    }
    items.push(stored);
    bytes += stored.text.length;
  }
  return { items, next: null };
}

/** The path that a `continue` names. */
export function readContinue(token: string): string {
  return Buffer.from(token, "base64url").toString("utf8");
}
