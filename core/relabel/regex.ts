import { RE2JS, RE2JSException } from "re2js";
import { messageOf } from "../errors.ts";

/** Most characters of an expression, and most instructions of the program that it becomes. */
export const regexCharsMax = 4096;
export const regexProgramMax = 10_000;

/** Compiled expressions that are kept: definitions repeat a few of them for many metrics. */
const compiledMax = 1000;

/** An expression that is none, or that is too large; the message says which. */
export class RegexError extends Error {
  override name = "RegexError";
}

/** What one expression found in a text, as far as a template needs it. */
export interface RegexMatch {
  /** The text of a group by number, 0 for the whole; "" when it took no part or there is none. */
  group(index: number): string;
  /** The same by name. */
  named(name: string): string;
}

/**
 * An expression of RE2 as Prometheus uses it in relabelling: it has to match the whole text, and its dot matches
 * newlines too. Matching takes time in proportion to the text, whatever the expression.
 */
export class AnchoredRegex {
  readonly #compiled: RE2JS;
  readonly #names: ReadonlyMap<string, number>;
  readonly #groups: number;

  constructor(compiled: RE2JS) {
    this.#compiled = compiled;
    this.#names = new Map(Object.entries(compiled.namedGroups()));
    this.#groups = compiled.groupCount();
  }

  test(text: string): boolean {
    return this.#compiled.testExact(text);
  }

  /** Null when the text does not match. */
  match(text: string): RegexMatch | null {
    const matcher = this.#compiled.matcher(text);
    if (!matcher.matches()) return null;
    const group = (index: number) => index > this.#groups ? "" : matcher.group(index) ?? "";
    return {
      group,
      named: (name) => {
        const index = this.#names.get(name);
        return index === undefined ? "" : group(index);
      },
    };
  }
}

/** Least recently used first. */
const compiled = new Map<string, AnchoredRegex>();

/** @throws RegexError when it is no expression of RE2, or too large. */
export function compileRegex(source: string): AnchoredRegex {
  const known = compiled.get(source);
  const regex = known ?? compile(source);
  compiled.delete(source);
  compiled.set(source, regex);
  for (const oldest of compiled.keys()) {
    if (compiled.size <= compiledMax) break;
    compiled.delete(oldest);
  }
  return regex;
}

function compile(source: string): AnchoredRegex {
  if (source.length > regexCharsMax) {
    throw new RegexError(
      `is a regular expression of ${source.length} characters, at most ${regexCharsMax} are allowed`,
    );
  }
  try {
    // By itself first: one such as `a)|(b` would break out of the brackets that anchor it.
    RE2JS.compile(source);
    const anchored = RE2JS.compile(`^(?s:${source})$`);
    if (anchored.programSize() <= regexProgramMax) return new AnchoredRegex(anchored);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new RegexError(`is no regular expression of RE2: ${reasonOf(error)}`, { cause: error });
  }
  throw new RegexError(`is a regular expression that is too large, because of its repetitions`);
}

function reasonOf(error: unknown): string {
  return messageOf(error).replace(/^error parsing regexp: /, "");
}
