import { parseEvents } from "js-yaml";
import { isDeepStrictEqual } from "node:util";
import { renderBlock } from "./edit_render.ts";
import { applySplices, spliceValue } from "./edit_splice.ts";
import { CannotSpliceError, readEditTree } from "./edit_tree.ts";
import { readYaml } from "./yaml.ts";

/** A value cannot be written as YAML that reads back as the same value. */
export class UnwritableValueError extends Error {
  override name = "UnwritableValueError";
}

/** Larger than any text that is read; YAML nested deeper is refused by the reader. */
const bytesMax = 64 * 1024 * 1024;

/**
 * Edits a YAML document so that it reads as `desired`, and changes no more of its text than that takes: comments,
 * order, quotes and layout of everything else stay. New keys go to the end of their mapping. An entry that is removed
 * takes the comment on its line and those right above it along, unless it is the first of its mapping.
 *
 * What cannot be edited in place is rewritten, as little around it as possible; a text that cannot be read at all is
 * replaced, but for the comments at its head.
 *
 * @param desired plain objects, arrays, texts, numbers, booleans and nulls; undefined members count as absent.
 * @throws UnwritableValueError when no YAML reads as `desired`.
 */
export function editDocument(text: string, desired: unknown): string {
  const wanted = plain(desired);
  const read = readYaml(text, bytesMax);
  if (!read.ok) return rewritten(text, wanted);
  const current = read.document.value;
  if (isDeepStrictEqual(current, wanted)) return text;
  // A deeper level keeps more of the text; what it made is taken only if it reads as it should.
  for (const depthMax of [Infinity, 3, 2, 1]) {
    const edited = tryEdit(text, current, wanted, depthMax);
    if (edited !== null && readsAs(edited, wanted)) return edited;
  }
  return rewritten(text, wanted);
}

/**
 * A new document's text in block style, in the order of the keys.
 * @throws UnwritableValueError when no YAML reads as `value`.
 */
export function writeDocument(value: unknown): string {
  return rewritten("", plain(value));
}

function tryEdit(text: string, current: unknown, wanted: unknown, depthMax: number): string | null {
  // Splices have bare line breaks; a file of another kind keeps its own.
  const isWindows = /\r\n/.test(text);
  const source = isWindows ? text.replaceAll("\r\n", "\n") : text;
  try {
    const root = readEditTree(source, parseEvents(source, {}));
    const edited = applySplices(source, spliceValue(source, root, current, wanted, depthMax));
    return isWindows ? edited.replaceAll("\n", "\r\n") : edited;
  } catch (error) {
    if (error instanceof CannotSpliceError) return null;
    throw error;
  }
}

function rewritten(text: string, wanted: unknown): string {
  const head = /^(?:\uFEFF?[ \t]*(?:#.*)?(?:\r?\n|$))*/.exec(text)?.[0].trimEnd() ?? "";
  const result = `${head === "" ? "" : `${head}\n`}${renderBlock(wanted, 0)}\n`;
  if (readsAs(result, wanted)) return result;
  throw new UnwritableValueError("Cannot write the document: no YAML reads as what it should hold");
}

function readsAs(text: string, wanted: unknown): boolean {
  const read = readYaml(text, bytesMax);
  return read.ok && isDeepStrictEqual(read.document.value, wanted);
}

/** As YAML would be read: without undefined members, with 0 for -0. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value === 0 ? 0 : value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries.map(([key, member]) => [key, plain(member)]));
}
