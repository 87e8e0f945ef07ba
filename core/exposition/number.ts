import type { Cursor } from "./cursor.ts";

const decimal = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const special = /^(?:([+-]?)(?:inf|infinity)|nan)$/i;

/** Why a text is no number, as the rest of a sentence that begins with the text. */
export type NumberFault = "is not a number" | "is beyond the range of a 64-bit float";

/**
 * Reads a number as Prometheus does: what Go's `strconv.ParseFloat` takes, without hexadecimal floats and without
 * underscores. So `1`, `+.5e-3`, `1.`, `NaN`, `-Inf` and `infinity` (in any case) are numbers; `0x1`, `1_0`, `+NaN`,
 * `""` and `1e400` are not. A number too small for a float is 0.
 */
export function parseNumber(text: string): number | NumberFault {
  if (decimal.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : "is beyond the range of a 64-bit float";
  }
  const match = special.exec(text);
  if (match === null) return "is not a number";
  return match[1] === undefined ? NaN : match[1] === "-" ? -Infinity : Infinity;
}

/**
 * Reads the token from `start` to the cursor as a number, as {@link parseNumber} does.
 * `what` names it in reasons, such as `value`.
 */
export function readNumber(cursor: Cursor, start: number, what: string): number {
  const value = parseNumber(cursor.ascii(start, cursor.offset));
  if (typeof value === "number") return value;
  throw cursor.error(`the ${what} ${cursor.show(start, cursor.offset)} ${value}`, start);
}

const int64Digits = 19;

/** Reads `-?[0-9]+` as the nearest number; null when a signed 64-bit integer cannot hold it. */
export function parseInt64(text: string): number | null {
  const negative = text.startsWith("-");
  const digits = text.slice(negative ? 1 : 0).replace(/^0+/, "");
  // The length goes first: reading a million digits exactly would take long.
  if (digits.length > int64Digits) return null;
  const exact = negative ? -BigInt(digits) : BigInt(digits);
  return BigInt.asIntN(64, exact) === exact ? Number(exact) : null;
}

/** Seconds since 1970 as OpenMetrics writes them, and the whole milliseconds that they make. */
export interface Seconds {
  readonly seconds: number;
  readonly timestampMs: number;
}

/**
 * Reads the token from `start` to the cursor as seconds.
 *
 * The milliseconds are exact: the decimal point is moved in the text. Prometheus multiplies the float by 1000, which
 * now and then is one millisecond short. What is finer than a millisecond is cut off by both.
 */
export function readSeconds(cursor: Cursor, start: number, what: string): Seconds {
  const seconds = readNumber(cursor, start, what);
  if (!Number.isFinite(seconds)) {
    throw cursor.error(`the ${what} ${cursor.show(start, cursor.offset)} is not finite`, start);
  }
  const [mantissa = "", exponent = "0"] = cursor.ascii(start, cursor.offset).split(/[eE]/);
  const shifted = Math.max(-9999, Math.min(9999, Number(exponent))) + 3;
  // Adding 0 turns -0, which "-0.0001" is cut to, into 0.
  const timestampMs = Math.trunc(Number(`${mantissa}e${shifted}`)) + 0;
  if (Math.abs(timestampMs) < 2 ** 63) return { seconds, timestampMs };
  throw cursor.error(`the ${what} ${cursor.show(start, cursor.offset)} is beyond the range of milliseconds`, start);
}
