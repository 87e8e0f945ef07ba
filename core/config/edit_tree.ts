import {
  CHOMPING_MODE,
  COLLECTION_STYLE,
  constructFromEvents,
  CORE_SCHEMA,
  type Event,
  EVENT_ID,
  SCALAR_STYLE,
  type ScalarEvent,
} from "js-yaml";

/** The text has a form that is not edited in place; what holds it is rewritten instead. */
export class CannotSpliceError extends Error {
  override name = "CannotSpliceError";
}

/**
 * A value in a text. Offsets count UTF-16 code units.
 *
 * ```
 * timeout: 10   # slow        - { a: 1 }
 * ^       ^^ ^                ^^^       ^
 * |       || end              |||       end
 * |       |start              ||start
 * |       introducerEnd       |introducerEnd
 * entryStart (of the key)     entryStart (of the dash)
 * ```
 */
export interface EditNode {
  /** `block` and `flow` are collections; `line` and `lines` scalars; `nothing` is the value of `key:`. */
  readonly style: "block" | "flow" | "line" | "lines" | "nothing";
  readonly kind: "mapping" | "sequence" | "scalar";
  readonly start: number;
  readonly end: number;
  /** Where the key or the dash begins; `start` for the root and in a flow sequence. */
  readonly entryStart: number;
  /** After the colon or the dash; `start` for the root and in a flow sequence. */
  readonly introducerEnd: number;
  /** Members of a mapping, in the order of the file. */
  readonly members: ReadonlyMap<string, EditNode>;
  /** Items of a sequence. */
  readonly items: readonly EditNode[];
}

interface Introducer {
  readonly entryStart: number;
  readonly end: number;
}

/**
 * The tree of a text that has been read without problems.
 * @throws CannotSpliceError for what is valid YAML and beyond this: explicit keys (`? key`), pairs without braces.
 */
export function readEditTree(text: string, events: readonly Event[]): EditNode {
  return new TreeReader(text, events).read();
}

class TreeReader {
  readonly #text: string;
  readonly #events: readonly Event[];
  #next = 1;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  read(): EditNode {
    return this.#node(null);
  }

  #node(introducer: Introducer | null): EditNode {
    const event = this.#events[this.#next++];
    if (event?.type === EVENT_ID.SCALAR) return this.#scalar(event, introducer);
    if (event?.type !== EVENT_ID.MAPPING && event?.type !== EVENT_ID.SEQUENCE) throw new CannotSpliceError();
    const start = startWithTag(event, event.start);
    const isFlow = event.style === COLLECTION_STYLE.FLOW;
    const kind = event.type === EVENT_ID.MAPPING ? "mapping" : "sequence";
    const opening = kind === "mapping" ? "{" : "[";
    if (isFlow && this.#text[event.start] !== opening) throw new CannotSpliceError();
    const contentStart = isFlow ? event.start + 1 : event.start;
    const members = kind === "mapping" ? this.#members(contentStart, isFlow) : new Map<string, EditNode>();
    const items = kind === "sequence" ? this.#items(contentStart, isFlow) : [];
    const lastEnd = [...members.values(), ...items].at(-1)?.end ?? contentStart;
    const end = isFlow ? this.#skip(lastEnd, ",") + 1 : lastEnd;
    if (isFlow && this.#text[end - 1] !== (kind === "mapping" ? "}" : "]")) throw new CannotSpliceError();
    const place = { entryStart: introducer?.entryStart ?? start, introducerEnd: introducer?.end ?? start };
    return { style: isFlow ? "flow" : "block", kind, start, end, ...place, members, items };
  }

  #scalar(event: ScalarEvent, introducer: Introducer | null): EditNode {
    const base = { kind: "scalar", members: new Map(), items: [] } as const;
    if (event.valueStart < 0) {
      // A tag alone is a value of its own.
      const end = event.tagStart < 0 ? introducer?.end : event.tagEnd;
      if (introducer === null || end === undefined) throw new CannotSpliceError();
      const place = { entryStart: introducer.entryStart, introducerEnd: introducer.end };
      return { ...base, style: "nothing", start: introducer.end, end, ...place };
    }
    const isBlock = event.style === SCALAR_STYLE.LITERAL_BLOCK || event.style === SCALAR_STYLE.FOLDED_BLOCK;
    const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    const quote = isQuoted ? 1 : 0;
    const start = startWithTag(event, event.valueStart - quote);
    const place = { entryStart: introducer?.entryStart ?? start, introducerEnd: introducer?.end ?? start };
    if (isBlock) {
      // The bar stands on the introducer's line.
      return { ...base, style: "lines", ...place, start: place.introducerEnd, end: this.#endOfLines(event) };
    }
    return { ...base, style: "line", ...place, start, end: event.valueEnd + quote };
  }

  /** After the last line break of a block scalar. Empty lines after it are no part of it, unless it keeps them. */
  #endOfLines(event: ScalarEvent): number {
    if (event.chomping === CHOMPING_MODE.KEEP) return event.valueEnd;
    const content = this.#text.slice(event.valueStart, event.valueEnd).trimEnd();
    return content === ""
      ? event.valueEnd
      : Math.min(lineEndFrom(this.#text, event.valueStart + content.length) + 1, event.valueEnd);
  }

  #members(contentStart: number, isFlow: boolean): Map<string, EditNode> {
    const members = new Map<string, EditNode>();
    let offset = contentStart;
    while (!this.#atEnd()) {
      const keyEvent = this.#events[this.#next];
      const key = this.#node({ entryStart: -1, end: -1 });
      if (keyEvent?.type !== EVENT_ID.SCALAR || key.style !== "line") throw new CannotSpliceError();
      // Between the entries there is nothing but space, comments and commas; a question mark would be found here.
      if (this.#skip(offset, isFlow ? "," : "") !== key.start) throw new CannotSpliceError();
      const colon = this.#skipSpaces(key.end);
      if (this.#text[colon] !== ":") throw new CannotSpliceError();
      const value = this.#node({ entryStart: key.start, end: colon + 1 });
      const name = keyName(this.#text, keyEvent);
      if (members.has(name)) throw new CannotSpliceError();
      members.set(name, value);
      offset = value.end;
    }
    this.#next++;
    return members;
  }

  #items(contentStart: number, isFlow: boolean): EditNode[] {
    const items: EditNode[] = [];
    let offset = contentStart;
    while (!this.#atEnd()) {
      const start = this.#skip(offset, isFlow ? "," : "");
      if (!isFlow && this.#text[start] !== "-") throw new CannotSpliceError();
      const item = this.#node(isFlow ? null : { entryStart: start, end: start + 1 });
      items.push(item);
      offset = item.end;
    }
    this.#next++;
    return items;
  }

  #atEnd(): boolean {
    const event = this.#events[this.#next];
    return event === undefined || event.type === EVENT_ID.POP;
  }

  #skipSpaces(offset: number): number {
    let at = offset;
    while (this.#text[at] === " " || this.#text[at] === "\t") at++;
    return at;
  }

  /** The next offset that is neither space nor in a comment nor one of `more`. */
  #skip(offset: number, more: string): number {
    let at = offset;
    while (at < this.#text.length) {
      const character = this.#text[at] ?? "";
      if (character === "#") at = lineEndFrom(this.#text, at);
      else if (/\s/.test(character) || more.includes(character)) at++;
      else break;
    }
    return at;
  }
}

/** The offset of the line break that ends the line, or the end of the text. */
export function lineEndFrom(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end < 0 ? text.length : end;
}

function startWithTag(event: { readonly tagStart: number }, start: number): number {
  return event.tagStart < 0 ? start : Math.min(event.tagStart, start);
}

/** The property that the key becomes: a plain `0x10` is the number 16, and so the property "16". */
function keyName(text: string, event: ScalarEvent): string {
  const document = { type: EVENT_ID.DOCUMENT, explicitStart: false, explicitEnd: false, directives: [] };
  const events: Event[] = [document, event, { type: EVENT_ID.POP }];
  return String(constructFromEvents(events, { source: text, schema: CORE_SCHEMA })[0]);
}
