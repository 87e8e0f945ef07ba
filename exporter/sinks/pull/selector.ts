import { RE2JS } from "re2js";
import type { Label } from "../../../core/protocol/shape.ts";

/** Whether a series, with its labels as materialize.ts gives them, is meant. */
export type Selector = (labels: readonly Label[]) => boolean;

const textMax = 10_000;
const patternMax = 1000;

/**
 * Reads a series selector as PromQL has it: `up`, `{job="shop"}`, `http_requests_total{code!~"2..", job=~"a|b"}`.
 * Regular expressions are RE2, anchored at both ends. A label that is absent is one with an empty value. Names in
 * quotes may hold any character.
 * @throws RangeError that tells the place and what is wrong.
 */
export function parseSelector(text: string): Selector {
  if (text.length > textMax) throw new RangeError(`Cannot read selector: it has more than ${textMax} characters`);
  const matchers = new SelectorReader(text).read();
  if (matchers.every((matcher) => matcher.accepts(""))) {
    throw new RangeError(`Cannot use selector "${text}": at least one matcher must not accept an empty value`);
  }
  return (labels) => matchers.every(({ name, accepts }) => accepts(valueOf(labels, name)));
}

interface Matcher {
  readonly name: string;
  readonly accepts: (value: string) => boolean;
}

function valueOf(labels: readonly Label[], name: string): string {
  for (const label of labels) if (label.name === name) return label.value;
  return "";
}

const space = /[ \t\r\n]*/y;
const metricName = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const labelName = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const operator = /=~|!~|!=|=/y;
const quoted = /"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`([^`]*)`/y;

class SelectorReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Matcher[] {
    const matchers: Matcher[] = [];
    const name = this.#take(metricName);
    if (name !== null) matchers.push(equals("__name__", name));
    if (this.#skip("{")) this.#readMatchers(matchers);
    this.#take(space);
    if (this.#at < this.#text.length || matchers.length === 0) throw this.#error("a name or {");
    return matchers;
  }

  #readMatchers(matchers: Matcher[]): void {
    while (!this.#skip("}")) {
      matchers.push(this.#readMatcher());
      if (this.#skip(",")) continue;
      if (!this.#skip("}")) throw this.#error(", or }");
      return;
    }
  }

  #readMatcher(): Matcher {
    const plain = this.#take(labelName);
    const name = plain ?? this.#takeQuoted("a label");
    const sign = this.#take(operator);
    // A name in quotes that stands alone is that of the metric.
    if (sign === null && plain === null) return equals("__name__", name);
    if (sign === null) throw this.#error("=, !=, =~ or !~");
    const value = this.#takeQuoted("a value in quotes");
    if (sign === "=") return equals(name, value);
    if (sign === "!=") return { name, accepts: (found) => found !== value };
    const matches = compile(value);
    return { name, accepts: sign === "=~" ? matches : (found) => !matches(found) };
  }

  #takeQuoted(what: string): string {
    const text = this.#take(quoted);
    if (text === null) throw this.#error(what);
    const inner = text.slice(1, -1);
    return text.startsWith("`") ? inner : unescape(inner);
  }

  #skip(character: string): boolean {
    this.#take(space);
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** What the pattern matches behind the white space, or null. */
  #take(pattern: RegExp): string | null {
    space.lastIndex = this.#at;
    this.#at += space.exec(this.#text)?.[0].length ?? 0;
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    this.#at += found?.length ?? 0;
    return found;
  }

  #error(expected: string): RangeError {
    return new RangeError(`Cannot read selector "${this.#text}": expected ${expected} at position ${this.#at + 1}`);
  }
}

function equals(name: string, value: string): Matcher {
  return { name, accepts: (found) => found === value };
}

/** Remembers what it answered: a label has few values beside the number of its series. */
function compile(pattern: string): (value: string) => boolean {
  if (pattern.length > patternMax) {
    throw new RangeError(`Cannot use a regular expression of more than ${patternMax} characters`);
  }
  const compiled = compileRe2(pattern);
  const known = new Map<string, boolean>();
  return (value) => {
    const before = known.get(value);
    if (before !== undefined) return before;
    const matches = compiled.matches(value);
    if (known.size < 10_000) known.set(value, matches);
    return matches;
  };
}

function compileRe2(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RangeError(`Cannot use regular expression "${pattern}": ${why}`, { cause: error });
  }
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

/** The escapes of Go's strings, as far as they stand for characters. */
function unescape(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/gs, (_, escape: string) => {
    const simple = simpleEscapes[escape];
    if (simple !== undefined) return simple;
    const code = escape.length > 1 ? Number.parseInt(escape.slice(1), 16) : NaN;
    if (Number.isNaN(code) || code > 0x10ffff) throw new RangeError(`Cannot read "\\${escape}" in a selector`);
    return String.fromCodePoint(code);
  });
}
