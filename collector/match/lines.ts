/**
 * Cuts an exposition that the naive parser has accepted into lines, far enough to say where names and values are. It
 * stops where a line does not stand for itself, such as one with a line feed within quotes.
 */

const tab = 0x09;
const newline = 0x0a;
const space = 0x20;
const quote = 0x22;
const hash = 0x23;
const backslash = 0x5c;
const braceOpen = 0x7b;
const braceClose = 0x7d;

/** The keywords of metadata; `# UNIT` is a comment in the Prometheus format. */
const keywords: readonly (readonly [bytes: Uint8Array, isOpenMetricsOnly: boolean])[] = [
  [new TextEncoder().encode("HELP"), false],
  [new TextEncoder().encode("TYPE"), false],
  [new TextEncoder().encode("UNIT"), true],
];

export type LineKind = "sample" | "metadata" | "other";

/** The line read last. One object serves all lines of a body, so that none is made for each. */
export class LineLexer {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #isOpenMetrics: boolean;
  start = 0;
  /** Behind the line feed, or the end of the body. */
  end = 0;
  kind: LineKind = "other";
  /** The name of a sample, or of the family that metadata is about, without its quotes. */
  nameStart = 0;
  nameEnd = 0;
  isQuoted = false;
  /** The value of a sample. */
  valueStart = 0;
  valueEnd = 0;
  /** Whether the line of a sample ends right behind its value. */
  endsWithValue = false;

  /** Lines of `bytes` from `start`, where one begins, up to `end`. */
  constructor(bytes: Uint8Array, start: number, end: number, isOpenMetrics: boolean) {
    this.#bytes = bytes;
    this.#end = end;
    this.#isOpenMetrics = isOpenMetrics;
    this.end = start;
  }

  get atEnd(): boolean {
    return this.end >= this.#end;
  }

  /** Reads the next line; false when it cannot be told from its neighbours, after which there is no next one. */
  next(): boolean {
    this.start = this.end;
    const first = this.#bytes[this.start];
    if (first === hash) return this.#comment();
    if (first === newline) {
      this.kind = "other";
      this.end = this.start + 1;
      return true;
    }
    return this.#sample();
  }

  #comment(): boolean {
    this.kind = "other";
    let at = this.#blanks(this.start + 1);
    const keyword = at > this.start + 1 ? this.#keywordBytes(at) : 0;
    const name = this.#blanks(at + keyword);
    if (keyword > 0 && name > at + keyword) {
      at = this.#name(name);
      if (at === -1) return false;
      const next = this.#bytes[at];
      // A comment such as "# HELP some.name" is about nothing.
      const isWhole = at >= this.#end || next === newline || next === space || next === tab;
      if (isWhole && this.nameEnd > this.nameStart) this.kind = "metadata";
    }
    this.#endLine(at);
    return true;
  }

  #sample(): boolean {
    this.kind = "sample";
    const isBraced = this.#bytes[this.start] === braceOpen;
    let at = this.#name(isBraced ? this.start + 1 : this.start);
    if (at === -1 || this.nameEnd === this.nameStart || isBraced !== this.isQuoted) return false;
    const behindName = at;
    if (isBraced) at = this.#behindLabels(at);
    else {
      at = this.#blanks(at);
      if (this.#bytes[at] === braceOpen) at = this.#behindLabels(at + 1);
    }
    if (at === -1) return false;
    this.valueStart = this.#blanks(at);
    // Were the value right behind the name, another one could become part of the name.
    if (this.valueStart === behindName) return false;
    at = this.valueStart;
    const bytes = this.#bytes;
    for (let byte = bytes[at]; at < this.#end; byte = bytes[++at]) {
      if (byte === newline || byte === space || byte === tab || byte === braceOpen) break;
    }
    this.valueEnd = at;
    this.endsWithValue = at < this.#end && bytes[at] === newline;
    this.#endLine(at);
    return true;
  }

  /** Reads a name, quoted or not, and returns where it ends; -1 for a quoted one that has to be unescaped. */
  #name(start: number): number {
    const bytes = this.#bytes;
    let at = start;
    this.isQuoted = bytes[start] === quote;
    if (this.isQuoted) {
      this.nameStart = ++at;
      for (let byte = bytes[at]; byte !== quote; byte = bytes[++at]) {
        if (at >= this.#end || byte === newline || byte === backslash) return -1;
      }
      this.nameEnd = at;
      return at + 1;
    }
    this.nameStart = start;
    while (at < this.#end && isNameByte(bytes[at] as number)) at++;
    this.nameEnd = at;
    return at;
  }

  /** Where the labels end that go on at `at`, behind the closing brace; -1 when that is not within the line. */
  #behindLabels(at: number): number {
    const bytes = this.#bytes;
    let isQuoted = false;
    for (; at < this.#end; at++) {
      const byte = bytes[at];
      if (byte === newline) return -1;
      if (byte === quote) isQuoted = !isQuoted;
      else if (isQuoted && byte === backslash) at++;
      else if (!isQuoted && byte === braceClose) return at + 1;
      if (bytes[at] === newline) return -1;
    }
    return -1;
  }

  #blanks(at: number): number {
    const bytes = this.#bytes;
    while (at < this.#end && (bytes[at] === space || bytes[at] === tab)) at++;
    return at;
  }

  /** The length of the keyword at `at`; 0 when there is none. */
  #keywordBytes(at: number): number {
    const found = keywords.find(([keyword, isOpenMetricsOnly]) =>
      (this.#isOpenMetrics || !isOpenMetricsOnly)
      && keyword.every((byte, index) => at + index < this.#end && this.#bytes[at + index] === byte)
    );
    return found === undefined ? 0 : found[0].length;
  }

  #endLine(at: number): void {
    const bytes = this.#bytes;
    while (at < this.#end && bytes[at] !== newline) at++;
    this.end = Math.min(at + 1, this.#end);
  }
}

function isNameByte(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a || byte === 0x5f || byte >= 0x30 && byte <= 0x3a;
}
