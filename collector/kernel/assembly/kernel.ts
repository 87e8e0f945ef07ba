import { resultAt } from "./layout";
import { readNumber } from "./number";

const matched: i32 = 0;
const short: i32 = 1;
const differs: i32 = 2;
const number: i32 = 3;

const lineFeed: u8 = 0x0a;
const tokenBytesMax: usize = 2048;

/** See `Kernel.match` in ../kernel.ts. */
export function match(template: usize, piece: u32, at: usize, end: usize, values: usize): i32 {
  const valueCount = load<u32>(template);
  let endAt = template + 8 + (<usize> piece << 2);
  // The ends of n + 1 texts, up to a multiple of 16.
  const texts = template + ((8 + 4 * (<usize> valueCount + 1) + 15) & ~15);
  let text = texts + (piece == 0 ? 0 : <usize> load<u32>(endAt - 4));
  let value = values + (<usize> piece << 3);
  while (true) {
    const textEnd = texts + load<u32>(endAt);
    const length = textEnd - text;
    const there = end - at;
    if (there < length) return stop(agree(text, at, there) ? short : differs, piece, at, 0);
    if (!agree(text, at, length)) return stop(differs, piece, at, 0);
    const token = at + length;
    if (piece == valueCount) return stop(matched, piece, token, 0);
    let tokenEnd = readNumber(token, value);
    if (tokenEnd == 0) tokenEnd = readNaN(token, value);
    if (tokenEnd == 0 || tokenEnd >= end || load<u8>(tokenEnd) != lineFeed) return odd(piece, at, token, end);
    at = tokenEnd;
    text = textEnd;
    endAt += 4;
    value += 8;
    piece++;
  }
}

/** See `Kernel.parseNumber` in ../kernel.ts. */
export function parseNumber(at: usize, end: usize, value: usize): bool {
  // An empty token's first byte is not its own.
  return at != end && (readNumber(at, value) == end || readNaN(at, value) == end);
}

/** The address behind "NaN", of which summaries without observations are full; 0 when it is something else. */
function readNaN(at: usize, value: usize): usize {
  if ((load<u32>(at) & 0xff_ffff) != 0x4e_614e) return 0;
  store<u64>(value, 0x7ff8_0000_0000_0000);
  return at + 3;
}

/** Whether `length` bytes at both addresses are the same. It loads, but never believes, up to 15 bytes beyond them. */

function agree(text: usize, at: usize, length: usize): bool {
  if (length < 16) {
    const same = i8x16.bitmask(i8x16.eq(v128.load(text), v128.load(at)));
    return (~same & ((1 << <i32> length) - 1)) == 0;
  }
  const last = length - 16;
  let difference = v128.xor(v128.load(text + last), v128.load(at + last));
  for (let offset: usize = 0; offset < last; offset += 16) {
    difference = v128.or(difference, v128.xor(v128.load(text + offset), v128.load(at + offset)));
  }
  return !v128.any_true(difference);
}

/** Says what is the matter with the token behind a text at `at`, which was not read. */
function odd(piece: u32, at: usize, token: usize, end: usize): i32 {
  const limit = min(end, token + tokenBytesMax + 1);
  let tokenEnd = token;
  while (tokenEnd < limit && load<u8>(tokenEnd) != lineFeed) tokenEnd++;
  if (tokenEnd - token > tokenBytesMax) return stop(differs, piece, at, 0);
  if (tokenEnd == end) return stop(short, piece, at, 0);
  return stop(number, piece, token, tokenEnd);
}

function stop(status: i32, piece: u32, at: usize, tokenEnd: usize): i32 {
  store<u32>(resultAt, piece);
  store<u32>(resultAt, <u32> at, 4);
  store<u32>(resultAt, <u32> tokenEnd, 8);
  return status;
}
