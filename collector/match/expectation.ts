import { createHash } from "node:crypto";
import type { Family } from "../../core/exposition/exposition.ts";
import type { ExpositionFormat } from "../../core/exposition/parse.ts";
import type { KnownExposition, KnownFamily } from "../scrape/known.ts";
import type { Template, TemplateStore } from "./template_store.ts";

/** What of a family decides on whether it can be parsed apart from others: its names as they are exposed. */
export interface ExposedNames {
  readonly family: string;
  /** Whether its metadata is known to be in the body; false when it may be. */
  readonly hasMetadata: boolean;
  /** Of its samples, each once. */
  readonly samples: readonly string[];
}

export interface ExpectedFamily {
  readonly exposed: ExposedNames;
  readonly known: KnownFamily;
  /** Null for a family that is parsed each time. */
  readonly template: Template | null;
}

/** What the next body of a target should be: the families of the last one, and what became of them. */
export class Expectation {
  /** Stands for it where it need not be kept alive. */
  readonly token: object = {};
  readonly format: ExpositionFormat;
  readonly families: readonly ExpectedFamily[];
  readonly known: KnownExposition;
  /** The index of each family's first value, among the values of those that have a template. */
  readonly firstValues: Uint32Array;
  /** Values of all families that have a template. */
  readonly valueCount: number;
  #heads: Map<string, number> | null = null;

  constructor(format: ExpositionFormat, families: readonly ExpectedFamily[], known: KnownExposition) {
    this.format = format;
    this.families = families;
    this.known = known;
    this.firstValues = new Uint32Array(families.length);
    let count = 0;
    for (const [index, { template }] of families.entries()) {
      this.firstValues[index] = count;
      count += template?.valueCount ?? 0;
    }
    this.valueCount = count;
  }

  /** The family, number `first` or a later one, that begins with a line of this head; -1 when there is none. */
  familyOfHead(head: string, first: number): number {
    this.#heads ??= new Map(
      this.families.flatMap(({ template }, at) =>
        template === null || template.head === "" ? [] : [[template.head, at]]
      ),
    );
    const found = this.#heads.get(head) ?? -1;
    return found >= first ? found : -1;
  }
}

export function exposedNames(family: Family): ExposedNames {
  const samples = new Set<string>();
  for (const { name } of family.samples) samples.add(name);
  const hasMetadata = family.type !== "unknown" || family.help !== "" || family.unit !== "";
  return { family: family.family, hasMetadata, samples: [...samples] };
}

/**
 * By what a family that is expected is found in another body: its first line, without the value if it is a sample.
 * "" for none.
 */
export function headOf(line: Uint8Array): string {
  let end = line.length;
  if (line[end - 1] === 0x0a) end--;
  if (line[0] !== 0x23) { while (end > 0 && line[end - 1] !== 0x20 && line[end - 1] !== 0x09) end--; }
  return Buffer.from(line.buffer, line.byteOffset, end).toString("latin1");
}

interface Users {
  count: number;
  readonly key: string | null;
  readonly kind: string | null;
}

/** Expectations by content, so that targets whose bodies come to the same share one. */
export class ExpectationCache {
  readonly #templates: TemplateStore;
  readonly #users = new Map<Expectation, Users>();
  readonly #shared = new Map<string, Expectation>();
  readonly #newest = new Map<string, Expectation>();

  constructor(templates: TemplateStore) {
    this.#templates = templates;
  }

  /** How many there are. */
  get size(): number {
    return this.#users.size;
  }

  /**
   * Takes over an expectation, whose templates are counted as in use once for it, or returns an equal one. It has one
   * more user then.
   * @param kind Of the target: what is expected of one may be expected of others of the same kind. Null for none.
   */
  take(expectation: Expectation, kind: string | null): Expectation {
    const key = keyOf(expectation);
    const known = key === null ? undefined : this.#shared.get(key);
    if (known !== undefined) {
      this.#releaseTemplates(expectation);
      return this.use(known);
    }
    this.#users.set(expectation, { count: 1, key, kind });
    if (key !== null) this.#shared.set(key, expectation);
    if (key !== null && kind !== null) this.#newest.set(kind, expectation);
    return expectation;
  }

  /** Counts one more user. */
  use(expectation: Expectation): Expectation {
    this.#usersOf(expectation).count++;
    return expectation;
  }

  /** What was learnt last of a target of this kind, if it is still expected of one. */
  newest(kind: string | null): Expectation | null {
    return kind === null ? null : this.#newest.get(kind) ?? null;
  }

  release(expectation: Expectation): void {
    const users = this.#usersOf(expectation);
    if (--users.count > 0) return;
    const { key, kind } = users;
    this.#users.delete(expectation);
    if (key !== null) this.#shared.delete(key);
    if (kind !== null && this.#newest.get(kind) === expectation) this.#newest.delete(kind);
    this.#releaseTemplates(expectation);
  }

  #usersOf(expectation: Expectation): Users {
    const users = this.#users.get(expectation);
    if (users === undefined) throw new Error("an expectation was used after its last user released it");
    return users;
  }

  #releaseTemplates({ families }: Expectation): void {
    for (const { template } of families) if (template !== null) this.#templates.release(template);
  }
}

/** Equal for expectations that stand for each other; null for one that changes with the next body. */
function keyOf({ format, families }: Expectation): string | null {
  const hash = createHash("sha256").update(format);
  for (const { template, known } of families) {
    if (template === null) return null;
    const { blocks, kept, dropped, duplicates } = known;
    hash.update(`|${template.key} ${dropped} ${duplicates} ${kept === null ? "" : kept.join(",")}`);
    // The template is what was exposed; blocks and kept are what became of it.
    for (const { shape } of blocks) hash.update(shape.id);
  }
  return hash.digest("base64");
}
