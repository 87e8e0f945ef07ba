import { canonicalJson } from "./canonical.ts";

/** An item that stays or changes (both), goes (`to` is null) or comes (`from` is null); indices in the two lists. */
export interface AlignedPair {
  readonly from: number | null;
  readonly to: number | null;
}

/** Above this many comparisons only the equal items at both ends are told apart from those that changed. */
const comparisonsMax = 1_000_000;

/**
 * Which items of `before` become which of `after`, in order: equal ones first (a longest common subsequence), then
 * those between them one by one.
 */
export function alignLists(before: readonly unknown[], after: readonly unknown[]): readonly AlignedPair[] {
  const a = before.map(canonicalJson);
  const b = after.map(canonicalJson);
  const pairs: AlignedPair[] = [];
  let [from, to] = [0, 0];
  for (const [nextFrom, nextTo] of [...equalItems(a, b), [a.length, b.length] as const]) {
    while (from < nextFrom || to < nextTo) {
      pairs.push({ from: from < nextFrom ? from++ : null, to: to < nextTo ? to++ : null });
    }
    if (nextFrom < a.length) pairs.push({ from: from++, to: to++ });
  }
  return pairs;
}

function equalItems(a: readonly string[], b: readonly string[]): (readonly [number, number])[] {
  const countMax = Math.min(a.length, b.length);
  let prefix = 0;
  while (prefix < countMax && a[prefix] === b[prefix]) prefix++;
  let suffix = 0;
  while (suffix < countMax - prefix && a[a.length - 1 - suffix] === b[b.length - 1 - suffix]) suffix++;
  const [rows, columns] = [a.length - prefix - suffix, b.length - prefix - suffix];
  const middle = rows * columns > comparisonsMax
    ? []
    : commonSubsequence(a.slice(prefix, prefix + rows), b.slice(prefix, prefix + columns));
  return [
    ...Array.from({ length: prefix }, (_, index) => [index, index] as const),
    ...middle.map(([from, to]) => [from + prefix, to + prefix] as const),
    ...Array.from({ length: suffix }, (_, index) => [a.length - suffix + index, b.length - suffix + index] as const),
  ];
}

/** Indices of a longest common subsequence, by the textbook's table of lengths. */
function commonSubsequence(a: readonly string[], b: readonly string[]): (readonly [number, number])[] {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j]
        ? (lengths[(i + 1) * width + j + 1] ?? 0) + 1
        : Math.max(lengths[(i + 1) * width + j] ?? 0, lengths[i * width + j + 1] ?? 0);
    }
  }
  const pairs: (readonly [number, number])[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if ((lengths[(i + 1) * width + j] ?? 0) >= (lengths[i * width + j + 1] ?? 0)) i++;
    else j++;
  }
  return pairs;
}
