import { byteOf, type Cursor, endOfBody } from "./cursor.ts";

/** Reads `[a-zA-Z_:][a-zA-Z0-9_:]*` and returns it; "" when no such name begins here. */
export function readMetricName(cursor: Cursor): string {
  return readName(cursor, true);
}

/** Reads `[a-zA-Z_][a-zA-Z0-9_]*` and returns it; "" when no such name begins here. */
export function readLabelName(cursor: Cursor): string {
  return readName(cursor, false);
}

/** What a quoted text may hold besides escapes and ordinary characters. */
export interface QuotedSyntax {
  /** A line feed that is not written as `\n`. */
  readonly rawNewline: boolean;
  readonly nul: boolean;
  /** A backslash before another character than `\`, `"` and `n`: then both stay as they are. */
  readonly unknownEscape: boolean;
}

/**
 * Reads a text in double quotes, whose opening quote is at the cursor, and resolves `\\`, `\"` and `\n`.
 * `what` names the text in reasons, such as `label value`.
 */
export function readQuoted(cursor: Cursor, syntax: QuotedSyntax, what: string): string {
  const open = cursor.offset;
  let escaped = false;
  cursor.offset++;
  for (let byte = cursor.peek(); byte !== byteOf.quote; byte = cursor.peek()) {
    if (byte === endOfBody) throw cursor.error(`the ${what} has no closing quote`, open);
    if (byte === byteOf.newline && !syntax.rawNewline) {
      throw cursor.error(`the ${what} has a line feed in it: write it as \\n, or close the quote`);
    }
    if (byte === byteOf.nul && !syntax.nul) throw cursor.error(`the ${what} has a NUL byte in it`);
    if (byte === byteOf.backslash && takesNext(cursor, syntax, what)) {
      escaped = true;
      cursor.offset++;
    }
    cursor.offset++;
  }
  const text = cursor.text(open + 1, cursor.offset);
  cursor.offset++;
  return escaped ? resolveEscapes(text) : text;
}

/** Resolves `\\`, `\"` and `\n`, and leaves any other backslash where it is. */
export function resolveEscapes(text: string): string {
  return text.replace(/\\([\\"n])/g, (_, escape: string) => escape === "n" ? "\n" : escape);
}

/** Resolves the escapes of a help text in the Prometheus format, which has only `\\` and `\n`. */
export function resolveHelpEscapes(text: string): string {
  return text.replace(/\\([\\n])/g, (_, escape: string) => escape === "n" ? "\n" : escape);
}

/** Reads up to the next byte of `stops`, or the end of the body, and returns where the token begins. */
export function readToken(cursor: Cursor, stops: readonly number[]): number {
  const start = cursor.offset;
  while (!cursor.atEnd() && !stops.includes(cursor.peek())) cursor.offset++;
  return start;
}

function readName(cursor: Cursor, colons: boolean): string {
  const start = cursor.offset;
  while (isNameByte(cursor.peek(), colons, cursor.offset > start)) cursor.offset++;
  return cursor.ascii(start, cursor.offset);
}

function isNameByte(byte: number, colons: boolean, digits: boolean): boolean {
  const lower = byte | 0x20;
  if (lower >= 0x61 && lower <= 0x7a || byte === 0x5f) return true;
  if (byte === 0x3a) return colons;
  return digits && isDigit(byte);
}

/** Whether the byte is one of `0` to `9`. */
export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Whether the backslash at the cursor and the byte behind it make an escape; else the backslash stands for itself. */
function takesNext(cursor: Cursor, syntax: QuotedSyntax, what: string): boolean {
  const next = cursor.bytes[cursor.offset + 1];
  if (next === byteOf.backslash || next === byteOf.quote || next === 0x6e) return true;
  if (next === byteOf.newline) throw cursor.error(`the ${what} has a backslash at the end of the line`);
  if (syntax.unknownEscape) return false;
  const shown = cursor.show(cursor.offset, cursor.offset + 2);
  throw cursor.error(`the ${what} has the unknown escape ${shown}: write a backslash as two`);
}
