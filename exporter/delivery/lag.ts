/**
 * About how many bytes of the WAL a sink has not settled. The WAL tells no distances, so it is reckoned from bytes
 * appended less bytes read since the sink was last at the end. Until it was there for the first time, it counts from
 * the oldest record, and so rather too much.
 */
export class LagEstimate {
  #base = 0;
  #settledBytes = 0;

  /** `appendedBytes` as for {@link bytes}. */
  caughtUp(appendedBytes: number): void {
    this.#base = appendedBytes;
    this.#settledBytes = 0;
  }

  settled(bytes: number): void {
    this.#settledBytes += bytes;
  }

  /**
   * At least 1, for a sink that is not at the end.
   * `appendedBytes`: all that the WAL has ever taken, counted from any fixed point.
   */
  bytes(appendedBytes: number): number {
    return Math.max(1, Math.round(appendedBytes - this.#base - this.#settledBytes));
  }
}
