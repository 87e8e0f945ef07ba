import type { Label } from "../../../core/protocol/shape.ts";
import type { ResolvedScrape } from "../../sink.ts";
import type { Program } from "./program.ts";

/** What programs make of one version of the protocol. */
export interface ProgramFormat<P extends Program> {
  /** Scrapes of one layout whose targets have the same key have the same program. `effective` are the target's labels. */
  keyOf(effective: readonly Label[]): string;
  /** Yields between slices of work; null when there can be no program for such scrapes. */
  compile(scrape: ResolvedScrape): Generator<void, P | null>;
  /** Bytes of memory, about. */
  bytesOf(program: P): number;
  /** How much of what cannot be given back has been used: from 1 on nothing more is compiled. */
  readonly wear: number;
  newRequest(): ProgramRequest<P>;
}

/** One compressed request in the making. */
export interface ProgramRequest<P extends Program> {
  readonly samples: number;
  /** Bytes before compression. */
  readonly length: number;
  /** Whether samples of this program and target can be in the request as it is; always when it is empty. */
  suits(program: P, target: TargetParts): boolean;
  append(program: P, scrape: ResolvedScrape, target: TargetParts): void;
  /** Valid until the next append. */
  finish(): Uint8Array<ArrayBuffer>;
  clear(): void;
}

/** What is derived from a target once. */
export interface TargetParts {
  readonly key: string;
  readonly effective: readonly Label[];
  /** The values of the effective labels in UTF-8, one after the other. */
  readonly values: Uint8Array;
}
