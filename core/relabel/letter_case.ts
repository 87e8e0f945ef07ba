/**
 * Letter by letter, as Go's `strings.ToLower` does, and so Prometheus: JavaScript's own looks at a letter's
 * surroundings too, and turns some letters into two.
 */
export function lowerCase(text: string): string {
  return byLetter(text, (letter) => letter === "\u0130" ? "i" : letter.toLowerCase());
}

/** As Go's `strings.ToUpper`, except for a few dozen Greek letters with an iota below, which stay as they are. */
export function upperCase(text: string): string {
  return byLetter(text, (letter) => letter.toUpperCase());
}

function byLetter(text: string, change: (letter: string) => string): string {
  let changed = "";
  for (const letter of text) {
    const other = change(letter);
    const unitsMax = (other.codePointAt(0) ?? 0) > 0xffff ? 2 : 1;
    changed += other.length <= unitsMax ? other : letter;
  }
  return changed;
}
