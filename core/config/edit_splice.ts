import { isDeepStrictEqual } from "node:util";
import { alignLists } from "./edit_align.ts";
import { isMapping, needsBlock, renderBlock, renderInline } from "./edit_render.ts";
import { CannotSpliceError, type EditNode, lineEndFrom } from "./edit_tree.ts";

/** Puts `text` in the place of what is from `start` to before `end`. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The splices that turn the value `current` at `root` into `desired`. Where they differ deeper than `depthMax`
 * levels below the root, the value there is rewritten whole.
 * @throws CannotSpliceError when the root itself has to be rewritten.
 */
export function spliceValue(
  text: string,
  root: EditNode,
  current: unknown,
  desired: unknown,
  depthMax: number,
): readonly Splice[] {
  const splicer = new Splicer(text, depthMax);
  if (!isDeepStrictEqual(current, desired)) splicer.descend(root, current, desired, 0);
  return splicer.splices;
}

/** @throws CannotSpliceError when two of them overlap. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  let result = "";
  let offset = 0;
  // Sorting is stable: what is inserted at one place stays in the order in which it was found.
  for (const splice of splices.toSorted((a, b) => a.start - b.start)) {
    if (splice.start < offset) throw new CannotSpliceError();
    result += text.slice(offset, splice.start) + splice.text;
    offset = splice.end;
  }
  return result + text.slice(offset);
}

class Splicer {
  readonly splices: Splice[] = [];
  readonly #text: string;
  readonly #depthMax: number;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
  }

  /** @throws CannotSpliceError when the node has to be rewritten whole. */
  descend(node: EditNode, current: unknown, desired: unknown, depth: number): void {
    if (depth >= this.#depthMax) throw new CannotSpliceError();
    if (node.kind === "mapping" && isMapping(current) && isMapping(desired)) {
      this.#mapping(node, current, desired, depth);
    } else if (node.kind === "sequence" && Array.isArray(current) && Array.isArray(desired)) {
      this.#sequence(node, current, desired, depth);
    } else {
      throw new CannotSpliceError();
    }
  }

  #mapping(
    node: EditNode,
    current: Readonly<Record<string, unknown>>,
    desired: Readonly<Record<string, unknown>>,
    depth: number,
  ): void {
    const entries = [...node.members];
    const kept = entries.filter(([key]) => Object.hasOwn(desired, key));
    const last = kept.at(-1)?.[1];
    if (last === undefined) throw new CannotSpliceError();
    for (const [key, member] of kept) this.#value(node, member, current[key], desired[key], depth);
    const added = Object.entries(desired).filter(([key]) => !node.members.has(key)).map(([key, value]) => ({
      [key]: value,
    }));
    const nodes = entries.map(([, member]) => member);
    if (node.style === "flow") {
      const texts = added.map((pair) => renderInline(pair).slice(1, -1).trim());
      this.#insertFlow(last, texts);
    }
    const removed = entries.flatMap(([key], index) => Object.hasOwn(desired, key) ? [] : [index]);
    this.#remove(node, nodes, removed);
    if (node.style !== "block" || added.length === 0) return;
    const indent = this.#columnOf(nodes[0] ?? node);
    this.#insertLines(nodes.at(-1) ?? last, added.map((pair) => " ".repeat(indent) + renderBlock(pair, indent)));
  }

  #sequence(node: EditNode, current: readonly unknown[], desired: readonly unknown[], depth: number): void {
    const removed: number[] = [];
    let added: unknown[] = [];
    let previous: EditNode | null = null;
    if (!alignLists(current, desired).some((pair) => pair.from !== null && pair.to !== null)) {
      throw new CannotSpliceError();
    }
    for (const { from, to } of alignLists(current, desired)) {
      const item = from === null ? undefined : node.items[from];
      if (from === null && to !== null) added.push(desired[to]);
      if (from === null || item === undefined) continue;
      if (added.length > 0) this.#insertItems(node, previous, added);
      added = [];
      if (to === null) removed.push(from);
      else this.#value(node, item, current[from], desired[to], depth);
      previous = item;
    }
    if (added.length > 0) this.#insertItems(node, previous, added);
    this.#remove(node, node.items, removed);
  }

  #insertItems(node: EditNode, previous: EditNode | null, values: readonly unknown[]): void {
    const first = node.items[0];
    if (first === undefined) throw new CannotSpliceError();
    if (node.style === "flow") {
      const texts = values.map(renderInline);
      if (previous !== null) this.#insertFlow(previous, texts);
      else this.splices.push({ start: first.start, end: first.start, text: `${texts.join(", ")}, ` });
      return;
    }
    const indent = this.#columnOf(first);
    const lines = values.map((value) => " ".repeat(indent) + renderBlock([value], indent));
    if (previous !== null) {
      this.#insertLines(previous, lines);
      return;
    }
    const lineStart = first.entryStart - indent;
    const lead = this.#text.slice(lineStart, first.entryStart);
    // A first item on the line of another dash has nothing before it.
    if (/\S/.test(lead)) throw new CannotSpliceError();
    const at = this.#commentsAbove(lineStart, lead);
    this.splices.push({ start: at, end: at, text: `${lines.join("\n")}\n` });
  }

  /** Brings a member or an item to what is desired. */
  #value(parent: EditNode, node: EditNode, current: unknown, desired: unknown, depth: number): void {
    if (isDeepStrictEqual(current, desired)) return;
    const mark = this.splices.length;
    try {
      this.descend(node, current, desired, depth + 1);
    } catch (error) {
      if (!(error instanceof CannotSpliceError)) throw error;
      this.splices.length = mark;
      this.splices.push(parent.style === "flow" ? this.#replaceFlow(node, desired) : this.#replaceBlock(node, desired));
    }
  }

  #replaceFlow(node: EditNode, desired: unknown): Splice {
    const space = node.style === "nothing" ? " " : "";
    return { start: node.start, end: node.end, text: space + renderInline(desired) };
  }

  #replaceBlock(node: EditNode, desired: unknown): Splice {
    const { end } = node;
    const entryColumn = this.#columnOf(node);
    const isItem = this.#text[node.introducerEnd - 1] === "-" && node.introducerEnd === node.entryStart + 1;
    const newline = this.#text[end - 1] === "\n" ? "\n" : "";
    if (!needsBlock(desired)) {
      const text = ` ${renderInline(desired)}${this.#commentBefore(node)}${newline}`;
      return { start: node.introducerEnd, end, text };
    }
    if (isItem) {
      return { start: node.introducerEnd, end, text: ` ${renderBlock(desired, entryColumn + 2)}${newline}` };
    }
    const indent = entryColumn + 2;
    const text = `${this.#commentBefore(node)}\n${" ".repeat(indent)}${renderBlock(desired, indent)}${newline}`;
    return { start: node.introducerEnd, end, text };
  }

  /** The comment between `key:` and a block that begins on a later line. */
  #commentBefore(node: EditNode): string {
    if (node.style !== "block") return "";
    const line = this.#text.slice(
      node.introducerEnd,
      Math.min(node.start, lineEndFrom(this.#text, node.introducerEnd)),
    );
    return /^\s+#/.test(line) ? line.trimEnd() : "";
  }

  #insertFlow(after: EditNode, texts: readonly string[]): void {
    if (texts.length === 0) return;
    this.splices.push({ start: after.end, end: after.end, text: texts.map((text) => `, ${text}`).join("") });
  }

  #insertLines(after: EditNode, lines: readonly string[]): void {
    const at = this.#lineAfter(after.end);
    const needsBreak = at > 0 && this.#text[at - 1] !== "\n";
    const text = needsBreak ? `\n${lines.join("\n")}` : `${lines.join("\n")}\n`;
    this.splices.push({ start: at, end: at, text });
  }

  #remove(node: EditNode, entries: readonly EditNode[], removed: readonly number[]): void {
    if (node.style === "flow") this.#removeFlow(entries, removed);
    else for (const index of removed) this.#removeLines(entries, index);
  }

  #removeFlow(entries: readonly EditNode[], removed: readonly number[]): void {
    // Those at the end go with the comma before them, unless there are comments among them.
    let kept = entries.length;
    while (removed.includes(kept - 1)) kept--;
    const start = entries[kept - 1]?.end ?? -1;
    const end = entries.at(-1)?.end ?? -1;
    const whole = kept < entries.length && kept > 0 && !/[#\n]/.test(this.#text.slice(start, end));
    if (whole) this.splices.push({ start, end, text: "" });
    for (const index of removed) {
      const entry = entries[index];
      if (entry === undefined || (whole && index >= kept)) continue;
      const tail = /^\s*,[ \t]*/.exec(this.#text.slice(entry.end))?.[0].length ?? 0;
      this.splices.push({ start: entry.entryStart, end: entry.end + tail, text: "" });
    }
  }

  /** Removes an entry with its lines, and with the comment lines right above it, which are about it. */
  #removeLines(entries: readonly EditNode[], index: number): void {
    const entry = entries[index];
    if (entry === undefined) return;
    const lineStart = this.#text.lastIndexOf("\n", entry.entryStart - 1) + 1;
    const lineAfter = this.#lineAfter(entry.end);
    const lead = this.#text.slice(lineStart, entry.entryStart);
    if (/^\s*$/.test(lead)) {
      const start = index === 0 ? lineStart : this.#commentsAbove(lineStart, lead);
      this.splices.push({ start, end: lineAfter, text: "" });
      return;
    }
    // The entry shares its line with the dash of the item that it begins.
    const next = entries[index + 1];
    if (next !== undefined && /^\s*$/.test(this.#text.slice(lineAfter, next.entryStart))) {
      this.splices.push({ start: entry.entryStart, end: next.entryStart, text: "" });
    } else {
      const start = lineStart + lead.trimEnd().length;
      const end = this.#text[lineAfter - 1] === "\n" ? lineAfter - 1 : lineAfter;
      this.splices.push({ start, end, text: "" });
    }
  }

  #commentsAbove(lineStart: number, lead: string): number {
    let start = lineStart;
    while (start > 0) {
      const above = this.#text.lastIndexOf("\n", start - 2) + 1;
      if (!this.#text.startsWith(`${lead}#`, above)) break;
      start = above;
    }
    return start;
  }

  /** The column of the key or the dash, counted from 0. */
  #columnOf(node: EditNode): number {
    return node.entryStart - (this.#text.lastIndexOf("\n", node.entryStart - 1) + 1);
  }

  /** Where the line after the one that holds what ends at `offset` begins. */
  #lineAfter(offset: number): number {
    if (this.#text[offset - 1] === "\n") return offset;
    return Math.min(lineEndFrom(this.#text, offset) + 1, this.#text.length);
  }
}
