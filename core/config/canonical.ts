/**
 * JSON text that is the same for equal values: keys in code-unit order, no white space, undefined members left out.
 * Meant for digests; `value` holds what JSON can.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sortKeys(value));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  return Object.fromEntries(entries.map(([key, member]) => [key, sortKeys(member)]));
}
