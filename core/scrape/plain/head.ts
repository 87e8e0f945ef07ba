import { notHttp } from "./response_error.ts";

/** What the head of a response says that matters to us. */
export interface ResponseHead {
  readonly status: number;
  /** "" when there is none; several are joined by commas. */
  readonly contentType: string;
  /** In lower case; "" when there is none. */
  readonly contentEncoding: string;
  /** Bytes of the body as they are sent; null when they are chunked, or end with the connection. */
  readonly contentLength: number | null;
  readonly chunked: boolean;
  /** Whether the peer keeps the connection for another request. */
  readonly keepAlive: boolean;
  /** How long it does, if it says so (`Keep-Alive: timeout=5`); null when not. */
  readonly keepAliveMs: number | null;
}

const space = 32;
const tab = 9;
const colon = 58;

/**
 * Reads a whole head: status line, fields and the empty line, each ended by CR LF (RFC 9112, sections 4 to 6).
 * @throws ResponseError for anything that two readers could understand in two ways.
 */
export function readHead(bytes: Uint8Array): ResponseHead {
  const statusEnd = endOfLine(bytes, 0);
  const { minor, status } = readStatusLine(bytes, statusEnd);
  const found: Fields = {};
  readFields(bytes, statusEnd + 2, (name, value) => takeField(found, name, value));
  return interpret(minor, status, found);
}

/**
 * What the fields say together.
 * @param minor Of the version: HTTP/1.`minor`.
 * @throws ResponseError for a body whose end is not clear.
 */
export function interpret(minor: number, status: number, found: Fields): ResponseHead {
  const { contentLength, transferEncoding, connection = "" } = found;
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) throw notHttp("it has both Content-Length and Transfer-Encoding");
    if (transferEncoding.toLowerCase() !== "chunked") throw notHttp("its Transfer-Encoding is not chunked");
    if (minor === 0) throw notHttp("HTTP/1.0 has no Transfer-Encoding");
  }
  const options = connection.toLowerCase().split(",").map((option) => option.trim());
  const seconds = /(?:^|[\s,])timeout=(\d{1,6})/i.exec(found.keepAlive ?? "")?.[1];
  return {
    status,
    contentType: found.contentType ?? "",
    contentEncoding: (found.contentEncoding ?? "").toLowerCase(),
    contentLength: contentLength === undefined ? null : readLength(contentLength),
    chunked: transferEncoding !== undefined,
    keepAlive: !options.includes("close") && (minor === 1 || options.includes("keep-alive")),
    keepAliveMs: seconds === undefined ? null : Number(seconds) * 1000,
  };
}

/** Checks the lines of trailers, which mean nothing to us. */
export function checkTrailers(bytes: Uint8Array): void {
  readFields(bytes, 0, () => {});
}

/** The values of the fields that matter. */
export interface Fields {
  contentType?: string;
  contentEncoding?: string;
  contentLength?: string;
  transferEncoding?: string;
  connection?: string;
  keepAlive?: string;
}

/** The fields that matter, by name in lower case. */
const known: ReadonlyMap<string, keyof Fields> = new Map([
  ["content-type", "contentType"],
  ["content-encoding", "contentEncoding"],
  ["content-length", "contentLength"],
  ["transfer-encoding", "transferEncoding"],
  ["connection", "connection"],
  ["keep-alive", "keepAlive"],
]);

/** Lengths of those names, so that no text is made of others. */
const knownLengths: ReadonlySet<number> = new Set([...known.keys()].map((name) => name.length));

function takeField(found: Fields, name: Uint8Array, value: Uint8Array): void {
  if (knownLengths.has(name.length)) noteField(found, latin1(name).toLowerCase(), latin1(value));
}

/**
 * @param name In lower case.
 * @throws ResponseError for a second Content-Length.
 */
export function noteField(found: Fields, name: string, value: string): void {
  const key = known.get(name);
  if (key === undefined) return;
  const before = found[key];
  if (before !== undefined && key === "contentLength") throw notHttp("it has more than one Content-Length");
  found[key] = before === undefined ? value : `${before},${value}`;
}

/** `HTTP/1.1 200 OK`, whose reason may be missing with the space before it. */
function readStatusLine(bytes: Uint8Array, end: number): { readonly minor: number; readonly status: number } {
  const match = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(latin1(bytes.subarray(0, end)));
  if (match === null) throw notHttp("its status line cannot be read");
  return { minor: Number(match[1]), status: Number(match[2]) };
}

function readFields(
  bytes: Uint8Array,
  from: number,
  take: (name: Uint8Array, value: Uint8Array) => void,
): void {
  for (let at = from; at < bytes.length - 2;) {
    const end = endOfLine(bytes, at);
    let nameEnd = at;
    while (isToken(bytes[nameEnd])) nameEnd++;
    // A line that begins with a space goes on the one before it (obs-fold), which readers take in different ways.
    if (nameEnd === at || bytes[nameEnd] !== colon) throw notHttp("a header's name cannot be read");
    let first = nameEnd + 1;
    let last = end;
    while (first < last && isBlank(bytes[first])) first++;
    while (last > first && isBlank(bytes[last - 1])) last--;
    for (let index = first; index < last; index++) {
      if (!isText(bytes[index])) throw notHttp("a header's value has a control character");
    }
    take(bytes.subarray(at, nameEnd), bytes.subarray(first, last));
    at = end + 2;
  }
}

/** Where the CR of this line is: the block has one for every line. */
function endOfLine(bytes: Uint8Array, from: number): number {
  return bytes.indexOf(13, from);
}

function readLength(text: string): number {
  // Fifteen digits are exact as a number, and more than any body may have.
  if (!/^\d{1,15}$/.test(text)) throw notHttp("its Content-Length is no number");
  return Number(text);
}

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === tab;
}

/** Visible characters, blanks, and what is beyond ASCII. */
function isText(byte = 0): boolean {
  return byte >= space && byte !== 127 || byte === tab;
}

const tokens = new Uint8Array(256);
for (const byte of Buffer.from("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
  tokens[byte] = 1;
}

/** A character of a field's name (RFC 9110, section 5.6.2). */
export function isToken(byte = 0): boolean {
  return tokens[byte] === 1;
}

/** Short texts: faster than through an iterator or a decoder, on both runtimes. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < bytes.length; index++) text += String.fromCharCode(bytes[index] ?? 0);
  return text;
}
