/** A field of a document for a table; "" for what is no text or number. */
export function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

/** `app=cart,tier=front`; `*` for an empty selector, which selects everything. */
export function selectorText(value: unknown): string {
  if (typeof value !== "object" || value === null) return "";
  const pairs = Object.entries(value).map(([label, wanted]) => `${label}=${textOf(wanted)}`);
  return pairs.length === 0 ? "*" : pairs.join(",");
}
