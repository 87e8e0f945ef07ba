/**
 * Programs for remote write 2.0. The message of a scrape is its series, without the symbols that they refer to; every
 * reference is a parameter of two bytes, since it depends on what else is in the request:
 *
 * ```
 * 22 00  22 length text …   2A length  0A length rr rr rr rr …  12 10  09 vvvvvvvv  10 tttttt  2A length 08 type 18 rr
 * compressed for a request  elements of the program, once for each scrape
 * ```
 *
 * A reference below 128 has two bytes all the same: 85 00 is a 5 as 05 is, for every reader of protobuf. Most series
 * copy what they refer to from the one before; only where they differ there are references to write.
 */

import type { Block, Label } from "../../../core/protocol/shape.ts";
import type { ResolvedScrape } from "../../sink.ts";
import { parameterBytesMax, PatternWriter } from "./pattern.ts";
import { type Program, programBytes } from "./program.ts";
import { compileProgram } from "./program_compile.ts";
import type { ProgramFormat, ProgramRequest, TargetParts } from "./program_format.ts";
import { effectiveLabels, type PlacedLabel, placeLabels } from "./program_labels.ts";
import { BlockJoiner, ProgramOutput } from "./program_output.ts";
import { timeBytes, writeTime } from "./program_time.ts";
import { metadataTag, tag } from "./request_buffer_2.ts";
import { compressToElements } from "./snappy.ts";
import { SymbolDictionary, SymbolTable } from "./symbols.ts";
import { metricTypeOf } from "./template_2.ts";

export interface Program2 extends Program {
  /** The dictionary's numbers of the strings of the layout, in the order of their parameters. */
  readonly symbols: Uint32Array;
}

const refBytes = 2;
const refsMax = 2 ** (7 * refBytes);
/** A layout that leaves fewer references for others has no program. */
const otherRefsMin = 2048;
const sampleBytes = 1 + 8 + 1 + timeBytes;
/** Series that are encoded in one slice of the compilation. */
const sliceSeries = 32;

/** The strings of programs and targets may have `dictionaryBytesMax` bytes; beyond, nothing more is compiled. */
export class ProgramFormat2 implements ProgramFormat<Program2> {
  readonly #dictionary = new SymbolDictionary();
  readonly #dictionaryBytesMax: number;

  constructor(dictionaryBytesMax: number) {
    this.#dictionaryBytesMax = dictionaryBytesMax;
  }

  get wear(): number {
    return this.#dictionary.bytes / this.#dictionaryBytesMax;
  }

  keyOf(effective: readonly Label[]): string {
    return JSON.stringify(effective.map(({ name }) => name));
  }

  bytesOf(program: Program2): number {
    return programBytes(program) + program.symbols.byteLength;
  }

  newRequest(): ProgramRequest<Program2> {
    return new ProgramRequest2(this.#dictionary);
  }

  *compile({ target, blocks }: ResolvedScrape): Generator<void, Program2 | null> {
    const effective = effectiveLabels(target);
    const message = new MessageWriter(effective);
    let done = 0;
    for (const block of blocks) {
      message.beginBlock(block);
      for (const series of block.series) {
        message.series(placeLabels(series, target, effective));
        if (message.refs > refsMax - otherRefsMin || message.parameterBytes > parameterBytesMax) return null;
        if (++done % sliceSeries === 0) yield;
      }
    }
    const program = yield* compileProgram(message.view());
    // Only now: what is given up on the way shall leave no strings.
    if (this.wear >= 1) return null;
    return { ...program, symbols: Uint32Array.from(message.symbols, (text) => this.#dictionary.idOf(text)) };
  }
}

/** Writes the series of a scrape as a pattern, and numbers the strings that they refer to. */
class MessageWriter {
  readonly #slots: number;
  readonly #symbols = new Map<string, number>();
  readonly #message = new PatternWriter();
  readonly #series = new PatternWriter();
  readonly #labels = new PatternWriter();
  readonly #metadata = new PatternWriter();

  constructor(effective: readonly Label[]) {
    this.#slots = effective.length;
  }

  get symbols(): Iterable<string> {
    return this.#symbols.keys();
  }

  get refs(): number {
    return this.#slots + this.#symbols.size;
  }

  get parameterBytes(): number {
    return timeBytes + this.refs * refBytes;
  }

  view(): Uint16Array {
    return this.#message.view();
  }

  beginBlock({ type, help, unit }: Block): void {
    const metadata = this.#metadata;
    metadata.clear();
    const typeCode = metricTypeOf(type);
    if (typeCode !== 0) metadata.u8(metadataTag.type).u8(typeCode);
    if (help !== "") this.#ref(metadata.u8(metadataTag.help), this.#symbol(help));
    if (unit !== "") this.#ref(metadata.u8(metadataTag.unit), this.#symbol(unit));
  }

  series(placed: readonly PlacedLabel[]): void {
    const labels = this.#labels;
    labels.clear();
    for (const { name, value, slot } of placed) {
      this.#ref(labels, this.#symbol(name));
      this.#ref(labels, slot < 0 ? this.#symbol(value) : slot);
    }
    const series = this.#series;
    series.clear();
    series.u8(tag.labels).varint(labels.length).pattern(labels);
    series.u8(tag.sample).u8(sampleBytes).u8(tag.value).value().u8(tag.time).parameter(0, timeBytes);
    if (this.#metadata.length > 0) series.u8(tag.metadata).varint(this.#metadata.length).pattern(this.#metadata);
    this.#message.u8(tag.series).varint(series.length).pattern(series);
  }

  #ref(writer: PatternWriter, index: number): void {
    writer.parameter(timeBytes + index * refBytes, refBytes);
  }

  /** The place of a string among the references: behind the values of the target. */
  #symbol(text: string): number {
    const known = this.#symbols.get(text);
    if (known !== undefined) return known;
    const index = this.refs;
    this.#symbols.set(text, index);
    return index;
  }
}

class ProgramRequest2 implements ProgramRequest<Program2> {
  readonly #output = new ProgramOutput();
  readonly #joiner = new BlockJoiner();
  readonly #dictionary: SymbolDictionary;
  readonly #table: SymbolTable;
  /** That whose references are in the parameters. */
  #program: Program2 | null = null;
  #parameters = new Uint8Array(1024);

  constructor(dictionary: SymbolDictionary) {
    this.#dictionary = dictionary;
    this.#table = new SymbolTable(dictionary);
  }

  get samples(): number {
    return this.#output.samples;
  }

  get length(): number {
    return this.#table.length + this.#output.messageBytes;
  }

  suits(program: Program2, { effective }: TargetParts): boolean {
    const more = program === this.#program ? 0 : program.symbols.length;
    return this.#table.count + more + effective.length <= refsMax;
  }

  append(program: Program2, { values, timestampMs }: ResolvedScrape, { effective }: TargetParts): void {
    if (program !== this.#program) this.#begin(program, effective.length);
    writeTime(this.#parameters, timestampMs);
    for (let slot = 0; slot < effective.length; slot++) {
      this.#write(slot, this.#table.refOf(this.#dictionary.idOf((effective[slot] as Label).value)));
    }
    this.#output.run(program, values, this.#parameters);
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#joiner.join(this.length, [compressToElements(this.#table.view()), this.#output.view()]);
  }

  clear(): void {
    this.#output.clear();
    this.#table.clear();
    this.#program = null;
  }

  /** Fast path: no string is looked up for a symbol of a layout. */
  #begin(program: Program2, slots: number): void {
    const { symbols } = program;
    const needed = timeBytes + (slots + symbols.length) * refBytes;
    if (this.#parameters.length < needed) this.#parameters = new Uint8Array(needed * 2);
    for (let index = 0; index < symbols.length; index++) {
      this.#write(slots + index, this.#table.refOf(symbols[index] as number));
    }
    this.#program = program;
  }

  #write(index: number, ref: number): void {
    const at = timeBytes + index * refBytes;
    this.#parameters[at] = (ref & 0x7f) | 0x80;
    this.#parameters[at + 1] = ref >>> 7;
  }
}
