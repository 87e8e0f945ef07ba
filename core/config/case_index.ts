/**
 * Keeps paths apart that differ only in case, folder by folder: they would be one on a case-insensitive disk, and
 * they are easily mistaken for each other everywhere else.
 */
export class CaseIndex {
  readonly #spellings = new Map<string, { readonly spelling: string; count: number }>();

  /**
   * How a claimed path spells the first segment of `path` that it spells otherwise, with that segment's index; null
   * when `path` can be claimed.
   */
  rival(path: string): { readonly spelling: string; readonly segment: number } | null {
    const prefixes = prefixesOf(path);
    for (const [segment, prefix] of prefixes.entries()) {
      const claimed = this.#spellings.get(prefix.toLowerCase());
      if (claimed !== undefined && claimed.spelling !== prefix) {
        return { spelling: claimed.spelling.split("/")[segment] ?? "", segment };
      }
    }
    return null;
  }

  /** Claims the spelling of a path without a rival. Each claim is to be released once. */
  claim(path: string): void {
    for (const prefix of prefixesOf(path)) {
      const claimed = this.#spellings.get(prefix.toLowerCase());
      if (claimed === undefined) this.#spellings.set(prefix.toLowerCase(), { spelling: prefix, count: 1 });
      else claimed.count++;
    }
  }

  release(path: string): void {
    for (const prefix of prefixesOf(path)) {
      const claimed = this.#spellings.get(prefix.toLowerCase());
      if (claimed !== undefined && --claimed.count === 0) this.#spellings.delete(prefix.toLowerCase());
    }
  }
}

/** `a/b/c` has the prefixes `a`, `a/b` and `a/b/c`. */
function prefixesOf(path: string): string[] {
  const segments = path.split("/");
  return segments.map((_, index) => segments.slice(0, index + 1).join("/"));
}
