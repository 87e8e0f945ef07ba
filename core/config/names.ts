/** Longest name in bytes; names are ASCII, so also in characters. */
export const nameBytesMax = 253;

export const safeNamePattern: RegExp = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;

/**
 * Why `name` cannot be a cluster, namespace or resource name, or null when it can. Names become path segments:
 * letters, digits, `.`, `_` and `-`, beginning and ending with a letter or digit, at most 253 bytes.
 */
export function nameProblem(name: string): string | null {
  if (name === "") return "is empty";
  if (name.length > nameBytesMax) return `is longer than ${nameBytesMax} bytes`;
  if (safeNamePattern.test(name)) return null;
  return "must consist of letters, digits, '.', '_' and '-', and begin and end with a letter or digit";
}
