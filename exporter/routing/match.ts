/** A text, a list of texts of which one must fit, or a number; `*` stands for any run of characters, `?` for one. */
export type Pattern = string | number | readonly (string | number)[];

export type TextMatcher = (text: string) => boolean;

/**
 * Makes a matcher of whole texts. It takes time in the product of the two lengths at most, whatever the pattern: it
 * is no regular expression.
 */
export function textMatcher(pattern: Pattern): TextMatcher {
  const list = (Array.isArray(pattern) ? pattern as readonly (string | number)[] : [pattern as string | number])
    .map(String);
  const plain = new Set(list.filter((one) => !isGlob(one)));
  const globs = list.filter(isGlob);
  return (text) => plain.has(text) || globs.some((glob) => matchesGlob(text, glob));
}

function isGlob(pattern: string): boolean {
  return pattern.includes("*") || pattern.includes("?");
}

/** Whether all of the text fits: at a mismatch the last `*` takes one character more. */
export function matchesGlob(text: string, glob: string): boolean {
  let [at, inGlob] = [0, 0];
  let [starInGlob, starAt] = [-1, 0];
  while (at < text.length) {
    const wanted = glob[inGlob];
    if (wanted === "*") {
      starInGlob = inGlob++;
      starAt = at;
    } else if (wanted === "?" || wanted !== undefined && wanted === text[at]) {
      inGlob++;
      at++;
    } else if (starInGlob >= 0) {
      inGlob = starInGlob + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (glob[inGlob] === "*") inGlob++;
  return inGlob === glob.length;
}
