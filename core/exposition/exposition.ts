import type { FamilyMetadata, Label, Series } from "../protocol/shape.ts";

/**
 * What a target exposed: its families in the order of their first line, each with its samples in order. A family has
 * the name of its metadata and may have no samples; samples without metadata form families of their own names.
 */
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
  /** Only OpenMetrics has it, and only where the line has one. */
  readonly exemplar?: Exemplar;
}

/** A reference from a sample to data outside the metrics, such as a trace. */
export interface Exemplar {
  readonly labels: readonly Label[];
  readonly value: number;
  /** Unix milliseconds; null when it has none. */
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
