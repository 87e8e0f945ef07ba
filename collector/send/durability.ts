import type { Entry } from "./entry.ts";

/** How far the disk has what a spool holds. Without a disk everything may be sent at once. */
export class Durability {
  readonly hasDisk: boolean;
  /** Whether the disk takes what is written to it. */
  storing: boolean;
  /** The highest sequence up to which everything that is held is on disk. */
  durable = 0;
  /** The highest sequence that is being written to disk; 0 while nothing is. */
  writing = 0;
  /** The disk's marks say that nothing above it was sent. */
  bound = 0;

  constructor(hasDisk: boolean) {
    this.hasDisk = hasDisk;
    this.storing = hasDisk;
  }

  /** Entries up to this sequence stand on disk as they are, or are about to. */
  get settled(): number {
    return Math.max(this.durable, this.writing);
  }

  /** What was being written is on disk, or none of it is. */
  endWrite(isDurable: boolean): void {
    if (isDurable) this.durable = Math.max(this.durable, this.writing);
    this.writing = 0;
  }

  /** Whether the disk has what it must have before the entry is sent. */
  isCleared({ lastSequence }: Entry): boolean {
    return !this.hasDisk || (this.#isStored(lastSequence) && lastSequence <= this.bound);
  }

  /** Whether the entry waits only for a higher bound. */
  lacksBound({ lastSequence }: Entry): boolean {
    return this.hasDisk && lastSequence > this.bound && this.#isStored(lastSequence);
  }

  #isStored(sequence: number): boolean {
    return sequence <= this.durable || !this.storing;
  }
}
