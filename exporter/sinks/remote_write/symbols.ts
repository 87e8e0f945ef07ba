import { ByteWriter } from "../../../core/protocol/bytes.ts";
import { putVarint } from "./fields.ts";

/** Tag of `symbols` in a Request of remote write 2.0. */
const symbolTag = 0x22;
/** What a symbol costs besides its bytes: its string, its place in the map. */
const symbolOverheadBytes = 64;
const firstCount = 256;
/** Below this a loop copies faster than a call. */
const loopBytesMax = 32;

/**
 * Every string that a sink's series are made of, once, with a number. The strings are kept as the fields that carry
 * them, so that a request's symbol table is made by copying; all in one buffer, since one of its own would cost each
 * string 200 bytes.
 */
export class SymbolDictionary {
  readonly #ids = new Map<string, number>();
  readonly #fields = new ByteWriter(16 * firstCount);
  /** For each symbol, where its field ends. */
  #ends = new Uint32Array(firstCount);
  #bytes = 0;

  /** Number 0 is the empty string, as in every request. */
  constructor() {
    this.idOf("");
  }

  get count(): number {
    return this.#ids.size;
  }

  /** Bytes held, about. */
  get bytes(): number {
    return this.#bytes;
  }

  idOf(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    const start = this.#fields.length;
    const end = this.#fields.u8(symbolTag).text(text).length;
    if (id === this.#ends.length) {
      const longer = new Uint32Array(id * 2);
      longer.set(this.#ends);
      this.#ends = longer;
    }
    this.#ends[id] = end;
    this.#ids.set(text, id);
    this.#bytes += end - start + text.length + symbolOverheadBytes;
    return id;
  }

  /** The field of a symbol; valid until the next one is added. */
  field(id: number): Uint8Array {
    const start = id === 0 ? 0 : this.#ends[id - 1] as number;
    return this.#fields.view().subarray(start, this.#ends[id]);
  }
}

/**
 * The symbol table of one request in the making. Fast path: which symbols it has, and under which reference, is in
 * typed arrays indexed by the dictionary's numbers, so that a label costs no lookup of a string.
 */
export class SymbolTable {
  #dictionary: SymbolDictionary;
  #refs = new Uint32Array(1024);
  /** The request that `#refs` was set for. */
  #stamps = new Uint32Array(1024);
  #stamp = 0;
  #count = 0;
  #bytes = new Uint8Array(16 * 1024);
  #length = 0;

  constructor(dictionary: SymbolDictionary) {
    this.#dictionary = dictionary;
    this.clear();
  }

  /** Symbols in the table. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the encoded table. */
  get length(): number {
    return this.#length;
  }

  /** Begins the table of another request. */
  clear(): void {
    this.#stamp++;
    this.#count = 0;
    this.#length = 0;
    // symbols[0] must be the empty string, used or not.
    this.refOf(0);
  }

  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The reference of a symbol within this request; it is added when it is not there. */
  refOf(id: number): number {
    if (id < this.#stamps.length && this.#stamps[id] === this.#stamp) return this.#refs[id] as number;
    return this.#add(id);
  }

  /**
   * Fast path: writes the references of the symbols `from` to `to` of `ids` as varints, without a call for each; returns
   * where they end. Half of a request's cost is here: scripts/bench remote-write.
   */
  putRefs(ids: Uint32Array, from: number, to: number, bytes: Uint8Array, start: number): number {
    const stamp = this.#stamp;
    let stamps = this.#stamps;
    let refs = this.#refs;
    let at = start;
    for (let index = from; index < to; index++) {
      const id = ids[index] as number;
      let ref = refs[id] as number;
      if (stamps[id] !== stamp) {
        ref = this.#add(id);
        // They may have grown.
        stamps = this.#stamps;
        refs = this.#refs;
      }
      if (ref < 0x80) bytes[at++] = ref;
      else if (ref < 0x4000) {
        bytes[at++] = (ref & 0x7f) | 0x80;
        bytes[at++] = ref >>> 7;
      } else at = putVarint(bytes, at, ref);
    }
    return at;
  }

  #add(id: number): number {
    if (id >= this.#stamps.length) this.#growIds(this.#dictionary.count);
    const field = this.#dictionary.field(id);
    const bytes = this.#reserve(field.length);
    if (field.length > loopBytesMax) bytes.set(field, this.#length);
    else for (let index = 0; index < field.length; index++) bytes[this.#length + index] = field[index] as number;
    this.#length += field.length;
    this.#stamps[id] = this.#stamp;
    return this.#refs[id] = this.#count++;
  }

  #reserve(count: number): Uint8Array {
    const needed = this.#length + count;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.view());
      this.#bytes = larger;
    }
    return this.#bytes;
  }

  #growIds(count: number): void {
    const length = Math.max(count, this.#stamps.length * 2);
    const [refs, stamps] = [new Uint32Array(length), new Uint32Array(length)];
    refs.set(this.#refs);
    stamps.set(this.#stamps);
    this.#refs = refs;
    this.#stamps = stamps;
  }
}
