/**
 * Programs for remote write 1.0. The message of a scrape is that of template.ts, of all blocks of its layout; its
 * parameters are the six bytes of the time and the values of the target's labels:
 *
 * ```
 * 0A length  0A length 0A length name 12 length value …  12 10  09 vvvvvvvv  10 tttttt
 *                                                ^ own, or parameters      ^ value       ^ parameters
 * ```
 *
 * Lengths are constant, so a program serves the targets whose label values have its lengths.
 */

import type { Label } from "../../../core/protocol/shape.ts";
import type { ResolvedScrape } from "../../sink.ts";
import { parameterBytesMax, PatternWriter } from "./pattern.ts";
import { type Program, programBytes } from "./program.ts";
import { compileProgram } from "./program_compile.ts";
import type { ProgramFormat, ProgramRequest, TargetParts } from "./program_format.ts";
import { effectiveLabels, type PlacedLabel, placeLabels } from "./program_labels.ts";
import { BlockJoiner, ProgramOutput } from "./program_output.ts";
import { timeBytes, writeTime } from "./program_time.ts";
import { tag } from "./template.ts";

const sampleBytes = 1 + 8 + 1 + timeBytes;
/** Series that are encoded in one slice of the compilation. */
const sliceSeries = 32;

export const programFormat1: ProgramFormat<Program> = {
  keyOf: (effective) => JSON.stringify(effective.map(({ name, value }) => [name, Buffer.byteLength(value)])),
  compile,
  bytesOf: programBytes,
  wear: 0,
  newRequest: () => new ProgramRequest1(),
};

function* compile({ target, blocks }: ResolvedScrape): Generator<void, Program | null> {
  const effective = effectiveLabels(target);
  const parameterAt = parameterStarts(effective);
  if ((parameterAt.at(-1) as number) > parameterBytesMax) return null;
  const message = new PatternWriter();
  const labels = new PatternWriter();
  const label = new PatternWriter();
  let done = 0;
  for (const block of blocks) {
    for (const series of block.series) {
      labels.clear();
      for (const one of placeLabels(series, target, effective)) {
        label.clear();
        writeLabel(label, one, parameterAt);
        labels.u8(tag.label).varint(label.length).pattern(label);
      }
      message.u8(tag.timeSeries).varint(labels.length + 2 + sampleBytes).pattern(labels);
      message.u8(tag.sample).u8(sampleBytes).u8(tag.value).value().u8(tag.time).parameter(0, timeBytes);
      if (++done % sliceSeries === 0) yield;
    }
  }
  return yield* compileProgram(message.view());
}

function writeLabel(label: PatternWriter, { name, value, slot }: PlacedLabel, parameterAt: readonly number[]): void {
  label.u8(tag.name).text(name).u8(tag.labelValue);
  if (slot < 0) {
    label.text(value);
    return;
  }
  const first = parameterAt[slot] as number;
  const count = (parameterAt[slot + 1] as number) - first;
  label.varint(count).parameter(first, count);
}

/** Where the value of each label begins among the parameters, and where the last one ends. */
function parameterStarts(effective: readonly Label[]): number[] {
  const starts = [timeBytes];
  for (const { value } of effective) starts.push((starts.at(-1) as number) + Buffer.byteLength(value));
  return starts;
}

class ProgramRequest1 implements ProgramRequest<Program> {
  readonly #output = new ProgramOutput();
  readonly #joiner = new BlockJoiner();
  #parameters = new Uint8Array(1024);

  get samples(): number {
    return this.#output.samples;
  }

  get length(): number {
    return this.#output.messageBytes;
  }

  suits(): boolean {
    return true;
  }

  append(program: Program, { values, timestampMs }: ResolvedScrape, target: TargetParts): void {
    const needed = timeBytes + target.values.length;
    if (this.#parameters.length < needed) this.#parameters = new Uint8Array(needed * 2);
    writeTime(this.#parameters, timestampMs);
    this.#parameters.set(target.values, timeBytes);
    this.#output.run(program, values, this.#parameters);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#joiner.join(this.length, [this.#output.view()]);
  }

  clear(): void {
    this.#output.clear();
  }
}
