import { headBytesMax } from "./field_block.ts";
import { type Fields, interpret, noteField, type ResponseHead } from "./head.ts";

/**
 * The fast path for heads that come in one piece, which nearly all do: the runtime's own search and regular expressions
 * instead of a loop over bytes. That takes a third of the time, and a sixth while the loop is not compiled yet, as in a
 * collector that scrapes now and then (`scripts/bench fetch`). What it does not know at once it leaves to `FieldBlock`
 * and `readHead`: it accepts nothing that they refuse.
 */

/** A whole head that is not an interim one. Each character has one place in it, so that matching takes linear time. */
const wholeHead =
  /^HTTP\/1\.([01]) ([2-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n$/;

const knownField =
  /\r\n(content-type|content-encoding|content-length|transfer-encoding|connection|keep-alive):[\t ]*([^\r]*)/gi;

/**
 * Reads the head at the beginning of `input` from `from` on.
 * @returns null when it is not there whole, or not as usual; else the head and where it ends.
 * @throws ResponseError as `readHead` does.
 */
export function readUsualHead(
  input: Uint8Array,
  from: number,
  end: number,
): { readonly head: ResponseHead; readonly end: number } | null {
  const bytes = Buffer.from(input.buffer, input.byteOffset + from, Math.min(end - from, headBytesMax));
  const emptyLine = bytes.indexOf("\r\n\r\n", 0, "latin1");
  if (emptyLine < 0) return null;
  const text = bytes.toString("latin1", 0, emptyLine + 4);
  const match = wholeHead.exec(text);
  if (match === null) return null;
  const found: Fields = {};
  for (const [, name = "", value = ""] of text.matchAll(knownField)) {
    noteField(found, name.toLowerCase(), withoutBlanks(value));
  }
  return { head: interpret(Number(match[1]), Number(match[2]), found), end: from + text.length };
}

/** Without blanks at its end; a regular expression would try each of many anew. */
function withoutBlanks(value: string): string {
  let end = value.length;
  while (end > 0 && (value[end - 1] === " " || value[end - 1] === "\t")) end--;
  return end === value.length ? value : value.slice(0, end);
}
