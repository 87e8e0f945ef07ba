import type { FamilyMetadata, Label, Series } from "../protocol/shape.ts";
import type { NativeHistogram } from "./native_histogram.ts";

/**
 * What a target exposed: its families in the order of their first line, each with its samples in order. A family has
 * the name of its metadata and may have no samples; samples without metadata form families of their own names.
 */
export interface Exposition {
  readonly families: readonly Family[];
}

export interface Family extends FamilyMetadata {
  readonly samples: readonly Sample[];
  /** Only protobuf has them, and only where one was exposed. Their series have no other sample of the same name. */
  readonly nativeHistograms?: readonly NativeSample[];
}

export interface Sample extends Series {
  readonly value: number;
  /** Explicit time in Unix milliseconds; null when the line has none. */
  readonly timestampMs: number | null;
  /** Only OpenMetrics and protobuf have it, and only where one was exposed. */
  readonly exemplar?: Exemplar;
  /**
   * When the series began to count, in Unix milliseconds. Only protobuf has it; OpenMetrics exposes it as a series of
   * its own, `…_created`, which stays one.
   */
  readonly createdMs?: number;
}

/** A sample whose value is a native histogram. */
export interface NativeSample extends Series {
  readonly histogram: NativeHistogram;
  /** Explicit time in Unix milliseconds; null when there is none. */
  readonly timestampMs: number | null;
  readonly exemplars: readonly Exemplar[];
  /** As {@link Sample.createdMs}. */
  readonly createdMs?: number;
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

/** A binary exposition breaks its format. It has no lines: all of it is line 1, and the column is a byte. */
export class BinaryExpositionError extends ExpositionError {
  override name = "BinaryExpositionError";
  /** Of what is wrong, counted from 0. */
  readonly byteOffset: number;

  constructor(byteOffset: number, reason: string) {
    super(1, byteOffset + 1, reason);
    this.message = `byte ${byteOffset}: ${reason}`;
    this.byteOffset = byteOffset;
  }
}
