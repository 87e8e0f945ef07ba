import type { FamilyMetadata, Series } from "../protocol/shape.ts";

/** What a target exposed: its families in the order of their first line, each with its samples in order. */
export interface Exposition {
  readonly families: readonly Family[];
}

export interface Family extends FamilyMetadata {
  readonly samples: readonly Sample[];
}

export interface Sample extends Series {
  readonly value: number;
  /** Explicit time in Unix milliseconds; null when the line has none. */
  readonly timestampMs: number | null;
}

/** The exposition breaks its format; the whole of it is refused. */
export class ExpositionError extends Error {
  override name = "ExpositionError";
  readonly line: number;
  readonly column: number;
  readonly reason: string;

  /** Line and column count from 1, the column in bytes. */
  constructor(line: number, column: number, reason: string) {
    super(`${line}:${column}: ${reason}`);
    this.line = line;
    this.column = column;
    this.reason = reason;
  }
}
