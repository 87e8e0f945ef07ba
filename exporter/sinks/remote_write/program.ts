/**
 * A program is a compressed message with holes: snappy elements for all samples of a scrape, in which values, the
 * scrape's time and what is the target's own stand as literals. Making a request of a scrape is then one copy and
 * eight bytes for each value; nothing is encoded, and nothing compressed, for a sample.
 *
 * What the series of a scrape have in common (its time, the labels of its target) stands as a literal in the first
 * series mostly; the others copy it from there, whatever it is.
 */
export interface Program {
  /** Elements that refer to nothing before them. */
  readonly code: Uint8Array;
  /** For each value, where it is in `code`. */
  readonly valueAt: Uint32Array;
  /** Where two bytes of the parameters are in `code`, and which is the first of them, in turns. */
  readonly pairs: Uint32Array;
  /** The same for single bytes. */
  readonly singles: Uint32Array;
  /** Bytes of the message. */
  readonly messageBytes: number;
}

/** Bytes of memory, about. */
export function programBytes({ code, valueAt, pairs, singles }: Program): number {
  return code.byteLength + valueAt.byteLength + pairs.byteLength + singles.byteLength;
}

/**
 * Fast path: writes the elements for a scrape into `bytes` at `start`; there has to be room for the whole code.
 * `view` is over the same memory. `bits` are the 32-bit halves of the values, low half first: copying halves keeps the
 * payload of every NaN. Cost: scripts/bench remote-write.
 */
export function runProgram(
  program: Program,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  bits: Uint32Array,
  parameters: Uint8Array,
): void {
  const { code, valueAt, pairs, singles } = program;
  bytes.set(code, start);
  for (let index = 0; index < pairs.length; index += 2) {
    const at = start + (pairs[index] as number);
    const from = pairs[index + 1] as number;
    bytes[at] = parameters[from] as number;
    bytes[at + 1] = parameters[from + 1] as number;
  }
  for (let index = 0; index < singles.length; index += 2) {
    bytes[start + (singles[index] as number)] = parameters[singles[index + 1] as number] as number;
  }
  const count = valueAt.length;
  for (let index = 0; index < count; index++) {
    const at = start + (valueAt[index] as number);
    view.setUint32(at, bits[index * 2] as number, true);
    view.setUint32(at + 4, bits[index * 2 + 1] as number, true);
  }
}
