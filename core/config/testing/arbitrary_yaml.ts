import * as fc from "fast-check";

/** Anything that YAML holds. */
type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };
type Mapping = { readonly [key: string]: Value };

export interface Commented {
  readonly text: string;
  readonly value: Mapping;
  /** The comments about the value at a path of keys; each text is there once. */
  readonly comments: readonly { readonly path: readonly string[]; readonly texts: readonly string[] }[];
}

const key = fc.oneof(
  fc.constantFrom("a", "b", "c", "d", "name", "port", "true", "1", "no", "a b", "x: y", "#h", "ключ", "-", "?"),
  fc.string({ maxLength: 6 }).filter((text) => text !== "__proto__"),
);
const scalar = fc.oneof(
  fc.constantFrom("", "x", "two words", "# no comment", "a: b", "- x", "null", "1", "lines\nof text\n", "a, b]", " x "),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number === 0 ? 0 : number),
  fc.boolean(),
  fc.constant(null),
);
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const mapping = fc.dictionary(key, value, { minKeys: 1, maxKeys: 5, noNullPrototype: true });

/** A mapping as YAML in a mixture of styles, with comments above and beside its keys. */
export const commentedDocument: fc.Arbitrary<Commented> = fc.tuple(mapping, fc.integer()).map(([root, seed]) =>
  new Writer(seed).document(root)
);

/** Some changes, somewhere. */
export const editsOf: fc.Arbitrary<(root: Mapping) => Value> = fc.array(
  fc.record({
    steps: fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 4 }),
    action: fc.constantFrom("set", "remove", "add"),
    key,
    value,
  }),
  { minLength: 1, maxLength: 4 },
).map((edits) => (root) => edits.reduce<Value>((current, edit) => changed(current, edit.steps, edit), root));

interface Edit {
  readonly action: "set" | "remove" | "add";
  readonly key: string;
  readonly value: Value;
}

function changed(current: Value, [step = 0, ...rest]: readonly number[], edit: Edit): Value {
  if (typeof current !== "object" || current === null) return current;
  const entries = Object.entries<Value>(current);
  const index = entries.length === 0 ? -1 : step % entries.length;
  const [name, member] = entries[index] ?? [edit.key, edit.value];
  const goesDeeper = rest.length > 0 && typeof member === "object" && member !== null && index >= 0;
  const next = goesDeeper ? changed(member, rest, edit) : edit.value;
  const removes = !goesDeeper && edit.action === "remove";
  const adds = !goesDeeper && (edit.action === "add" || index < 0);
  if (Array.isArray(current)) {
    return (current as readonly Value[]).toSpliced(
      Math.max(0, index),
      removes || !adds ? 1 : 0,
      ...removes ? [] : [next],
    );
  }
  if (adds) return Object.fromEntries([...entries, [edit.key, edit.value]]);
  return Object.fromEntries(entries.flatMap((entry) => entry[0] !== name ? [entry] : removes ? [] : [[name, next]]));
}

/** Writes YAML by hand, and not the way in which the editor does. */
class Writer {
  #seed: number;
  readonly #comments: { path: readonly string[]; texts: readonly string[] }[] = [];

  constructor(seed: number) {
    this.#seed = seed >>> 0;
  }

  document(root: Mapping): Commented {
    const head = this.#flip() ? "# head\n\n" : "";
    const text = head + this.#mapping(root, 0, []);
    return { text, value: root, comments: this.#comments };
  }

  #mapping(members: Mapping, indent: number, path: readonly string[] | null): string {
    const space = " ".repeat(indent);
    return Object.entries(members).map(([name, member]) => {
      const own = path === null ? null : [...path, name];
      const above = this.#comment(own);
      const beside = this.#comment(own);
      const blank = this.#chance(0.1) ? "\n" : "";
      const line = this.#value(member, indent, own, beside === "" ? "" : ` ${beside}`);
      return `${blank}${above === "" ? "" : `${space}${above}\n`}${space}${this.#key(name)}:${line}\n`;
    }).join("");
  }

  /** What follows the colon or the dash, without the last line break. */
  #value(member: Value, indent: number, path: readonly string[] | null, beside: string): string {
    if (typeof member !== "object" || member === null) return this.#scalar(member, indent, beside);
    if (Object.keys(member).length === 0 || this.#chance(0.3)) return ` ${this.#flow(member)}${beside}`;
    const step = 1 + this.#below(4);
    if (!Array.isArray(member)) return `${beside}\n${this.#mapping(member as Mapping, indent + step, path).trimEnd()}`;
    const space = " ".repeat(indent + step);
    const items = (member as readonly Value[]).map((item) => {
      const comment = this.#chance(0.2) ? `${space}# about an item\n` : "";
      return `${comment}${space}-${this.#item(item, indent + step)}`;
    });
    return `${beside}\n${items.join("\n")}`;
  }

  #item(item: Value, indent: number): string {
    const isMapping = typeof item === "object" && item !== null && !Array.isArray(item) && Object.keys(item).length > 0;
    if (!isMapping || this.#flip()) return this.#value(item, indent, null, "");
    return ` ${this.#mapping(item as Mapping, indent + 2, null).trim()}`;
  }

  #scalar(member: string | number | boolean | null, indent: number, beside: string): string {
    if (member === null && this.#flip()) return beside;
    if (member === "lines\nof text\n" && this.#flip()) {
      const space = " ".repeat(indent + 2);
      return ` |${beside}\n${space}lines\n${space}of text`;
    }
    return ` ${this.#inline(member)}${beside}`;
  }

  #flow(member: Value): string {
    if (typeof member !== "object" || member === null) return this.#inline(member);
    const gap = this.#flip() ? " " : "";
    if (Array.isArray(member)) {
      return `[${gap}${(member as readonly Value[]).map((item) => this.#flow(item)).join(", ")}${gap}]`;
    }
    const pairs = Object.entries(member as Mapping).map(([name, item]) => `${quoted(name)}: ${this.#flow(item)}`);
    return `{${gap}${pairs.join(",  ")}${gap}}`;
  }

  #inline(member: string | number | boolean | null): string {
    if (typeof member !== "string") return String(member);
    if (/^[a-z]{2,}( [a-z]+)*$/.test(member) && !["true", "null", "no"].includes(member)) return member;
    return /^[a-z #:,-]*$/.test(member) && this.#flip() ? `'${member}'` : quoted(member);
  }

  #key(name: string): string {
    return /^[a-z]$/.test(name) && name !== "y" && name !== "n" ? name : quoted(name);
  }

  #comment(path: readonly string[] | null): string {
    if (path === null || this.#flip()) return "";
    const text = `# note ${this.#comments.length}.`;
    this.#comments.push({ path, texts: [text] });
    return text;
  }

  #flip(): boolean {
    return this.#chance(0.5);
  }

  #chance(share: number): boolean {
    return this.#below(1000) < share * 1000;
  }

  /** A linear congruential generator: its choices follow from the seed alone. */
  #below(count: number): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return Math.floor(this.#seed / 2 ** 32 * count);
  }
}

/** JSON, with what YAML wants to be escaped. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
