import { constructFromEvents, CORE_SCHEMA, type Event, EVENT_ID, SCALAR_STYLE, type ScalarEvent } from "js-yaml";

/** Keys and indices from the root of a document to a value. */
export type YamlPath = readonly PropertyKey[];

/** A place in a text; both count from 1, the column in UTF-16 code units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Offsets in the text; -1 where there is nothing, as for the value of `key:` or the key of the root. */
interface Node {
  readonly start: number;
  readonly keyStart: number;
  readonly children: ReadonlyMap<PropertyKey, Node>;
}

const noChildren: ReadonlyMap<PropertyKey, Node> = new Map();

/**
 * Finds the places of a parsed YAML text. The tree of places is built on first use, so that a text without problems
 * costs nothing here.
 */
export class YamlTree {
  readonly #text: string;
  readonly #events: readonly Event[];
  readonly #keyProblems: { offset: number; message: string }[] = [];
  readonly #plainKeys = new Map<string, string>();
  #next = 0;
  #root: Node | null = null;
  #lineStarts: readonly number[] | null = null;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  placeOf(path: YamlPath): Place {
    const { nodes, complete } = this.#walk(path);
    const node = nodes.at(-1);
    // What is not there is best shown at the key that should hold it.
    if (node === undefined || !complete) return this.placeOfKey(path.slice(0, nodes.length - 1));
    return node.start >= 0 ? this.placeAt(node.start) : this.#nearest(nodes);
  }

  placeOfKey(path: YamlPath): Place {
    const { nodes } = this.#walk(path);
    const node = nodes.at(-1);
    return node !== undefined && node.keyStart >= 0 ? this.placeAt(node.keyStart) : this.#nearest(nodes);
  }

  /** Keys that appear twice in a mapping, or that are no text. */
  keyProblems(): readonly { readonly offset: number; readonly message: string }[] {
    this.#build();
    return this.#keyProblems;
  }

  placeOfSecondDocument(): Place {
    const second = this.#events.findIndex((event, index) => index > 0 && event.type === EVENT_ID.DOCUMENT);
    const before = Math.max(...this.#events.slice(0, second).map(endOf));
    const marker = /^---(?=\s|$)/gm;
    const first = this.#events[0];
    // An empty first document has no content that its own marker could be told by.
    if (before < 0 && first?.type === EVENT_ID.DOCUMENT && first.explicitStart) marker.exec(this.#text);
    else marker.lastIndex = Math.max(0, before);
    const found = marker.exec(this.#text);
    const content = this.#events.slice(second).map(startOf).find((offset) => offset >= 0);
    return this.placeAt(found?.index ?? content ?? 0);
  }

  placeAt(offset: number): Place {
    this.#lineStarts ??= lineStartsOf(this.#text);
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: Math.max(0, offset - (this.#lineStarts[low] ?? 0)) + 1 };
  }

  #nearest(nodes: readonly Node[]): Place {
    const known = nodes.findLast((node) => node.start >= 0 || node.keyStart >= 0);
    return this.placeAt(known === undefined ? 0 : known.start >= 0 ? known.start : known.keyStart);
  }

  #walk(path: YamlPath): { nodes: readonly Node[]; complete: boolean } {
    const nodes = [this.#build()];
    for (const segment of path) {
      const child = nodes.at(-1)?.children.get(segment);
      if (child === undefined) return { nodes, complete: false };
      nodes.push(child);
    }
    return { nodes, complete: true };
  }

  #build(): Node {
    if (this.#root === null) {
      this.#next = 1;
      this.#root = this.#node(-1);
    }
    return this.#root;
  }

  #node(keyStart: number): Node {
    const event = this.#events[this.#next++];
    if (event === undefined) return { start: -1, keyStart, children: noChildren };
    const start = startOf(event);
    if (event.type === EVENT_ID.MAPPING) return { start, keyStart, children: this.#mapping() };
    if (event.type === EVENT_ID.SEQUENCE) return { start, keyStart, children: this.#sequence() };
    return { start, keyStart, children: noChildren };
  }

  #sequence(): ReadonlyMap<PropertyKey, Node> {
    const items = new Map<PropertyKey, Node>();
    while (!this.#atEnd()) items.set(items.size, this.#node(-1));
    this.#next++;
    return items;
  }

  #mapping(): ReadonlyMap<PropertyKey, Node> {
    const entries = new Map<PropertyKey, Node>();
    while (!this.#atEnd()) {
      const event = this.#events[this.#next];
      const key = this.#node(-1);
      const value = this.#node(key.start);
      if (event?.type !== EVENT_ID.SCALAR) {
        this.#keyProblems.push({ offset: key.start, message: "a key must be text" });
        continue;
      }
      const name = this.#keyName(event);
      const earlier = entries.get(name);
      if (earlier === undefined) {
        entries.set(name, value);
        continue;
      }
      const first = this.placeAt(earlier.keyStart);
      const message = `duplicate key "${name}"; it stands at ${first.line}:${first.column} already`;
      this.#keyProblems.push({ offset: key.start, message });
    }
    this.#next++;
    return entries;
  }

  #atEnd(): boolean {
    const event = this.#events[this.#next];
    return event === undefined || event.type === EVENT_ID.POP;
  }

  /** The property that the key becomes: a plain `0x10` is the number 16, and so the property "16". */
  #keyName(event: ScalarEvent): string {
    const source = this.#text.slice(event.valueStart, event.valueEnd);
    const cached = event.style === SCALAR_STYLE.PLAIN ? this.#plainKeys.get(source) : undefined;
    if (cached !== undefined) return cached;
    const bare = { ...event, anchorStart: -1, anchorEnd: -1, tagStart: -1, tagEnd: -1 };
    const document = { type: EVENT_ID.DOCUMENT, explicitStart: false, explicitEnd: false, directives: [] };
    const events: Event[] = [document, bare, { type: EVENT_ID.POP }];
    const [value] = constructFromEvents(events, { source: this.#text, schema: CORE_SCHEMA });
    const name = String(value);
    if (event.style === SCALAR_STYLE.PLAIN) this.#plainKeys.set(source, name);
    return name;
  }
}

/** Where the text of an event begins, its quotation mark or block indicator included; -1 when it has none. */
function startOf(event: Event): number {
  switch (event.type) {
    case EVENT_ID.MAPPING:
    case EVENT_ID.SEQUENCE:
      return event.start;
    case EVENT_ID.ALIAS:
      return event.anchorStart - 1;
    case EVENT_ID.SCALAR:
      return event.valueStart < 0 ? -1 : event.valueStart - leadLength(event.style);
    case EVENT_ID.DOCUMENT:
    case EVENT_ID.POP:
      return -1;
    default:
      return event satisfies never;
  }
}

/** The quotation mark before the value. A block scalar is shown at its first line of text. */
function leadLength(style: ScalarEvent["style"]): number {
  return style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED ? 1 : 0;
}

function endOf(event: Event): number {
  return event.type === EVENT_ID.SCALAR ? event.valueEnd : startOf(event);
}

function lineStartsOf(text: string): readonly number[] {
  // A byte order mark is no part of the first line that an editor shows.
  const starts = [text.startsWith("\uFEFF") ? 1 : 0];
  for (const match of text.matchAll(/\r\n|\r|\n/g)) starts.push(match.index + match[0].length);
  return starts;
}
