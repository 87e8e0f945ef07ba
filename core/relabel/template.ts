import type { RegexMatch } from "./regex.ts";

/** A part of a template: literal text, or a group by number or by name. */
type Part = string | { readonly index: number } | { readonly name: string };

/**
 * A replacement text of Go's `regexp.Expand`: `$1`, `${1}`, `$name` and `${name}` stand for groups, `$$` for a dollar.
 * A name is as long as letters, digits and `_` go, so `$1x` is the group "1x". What names no group is empty.
 */
export class Template {
  /** Whether it is the same text for every match. */
  readonly isLiteral: boolean;
  readonly #parts: readonly Part[];

  constructor(source: string) {
    this.#parts = parse(source);
    this.isLiteral = this.#parts.every((part) => typeof part === "string");
  }

  expand(match: RegexMatch | null): string {
    let text = "";
    for (const part of this.#parts) {
      if (typeof part === "string") text += part;
      else if (match !== null) text += "index" in part ? match.group(part.index) : match.named(part.name);
    }
    return text;
  }
}

const reference = /\$(?:\$|(?<bare>[\p{L}\p{Nd}_]+)|\{(?<braced>[\p{L}\p{Nd}_]+)\})/gu;

function parse(source: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const found of source.matchAll(reference)) {
    if (found.index > from) parts.push(source.slice(from, found.index));
    from = found.index + found[0].length;
    const name = found.groups?.["bare"] ?? found.groups?.["braced"];
    if (name === undefined) parts.push("$");
    // A number with a leading zero is a name, to Go.
    else if (/^(0|[1-9][0-9]{0,7})$/.test(name)) parts.push({ index: Number(name) });
    else parts.push({ name });
  }
  if (from < source.length) parts.push(source.slice(from));
  return parts;
}
