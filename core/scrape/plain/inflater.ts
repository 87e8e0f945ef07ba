/** Inflates (RFC 1951) within memory that is lent for bodies, without garbage: see {@link BodyMemory.inflater}. */
export interface Inflater {
  /**
   * Inflates one deflate stream at the beginning of `coded`.
   *
   * @param body Where to: lent memory, apart from `coded`. All of it may be overwritten, also beyond what is inflated.
   * @returns Null when it is not a whole and right stream, when it has more bytes than `body`, and when either is
   * not in that memory: another way has to find out which. The object is the same each time.
   */
  inflate(coded: Uint8Array, body: Uint8Array): Inflated | null;
}

export interface Inflated {
  /** How long the stream is in `coded`. */
  readonly codedBytes: number;
  /** How many bytes there are in `body`. */
  readonly bytes: number;
}
