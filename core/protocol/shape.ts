/**
 * The parts of a scrape that do not change from one to the next. Each is content-addressed, sent once for a
 * connection and shared by all scrapes that refer to it:
 *
 * - a **block** is what one metric family exposes: its metadata and its series, without values;
 * - a **layout** is the ordered list of the blocks of one scrape, and so the order of its values;
 * - a **target** is where the scrape came from: the labels that every one of its series gets.
 *
 * SCHEMA body (block or layout; integers and text as in bytes.ts):
 *
 * | offset | size | field    | encoding                                                       |
 * | ------ | ---- | -------- | -------------------------------------------------------------- |
 * | 0      | 1    | kind     | 1 block, 2 layout                                              |
 * | 1      | 16   | id       | first 16 bytes of SHA-256 over kind and content                |
 * | 17     |      | content  | block: text family, text type, text help, text unit, varint    |
 * |        |      |          | series count, then for each: text name, varint label count,    |
 * |        |      |          | then for each label text name, text value.                     |
 * |        |      |          | layout: varint block count, then for each 16 bytes id          |
 *
 * TARGET body:
 *
 * | offset | size | field    | encoding                                                       |
 * | ------ | ---- | -------- | -------------------------------------------------------------- |
 * | 0      | 1    | kind     | 3 target                                                       |
 * | 1      | 16   | id       | as above                                                       |
 * | 17     |      | content  | i64 data id (0: none), varint label count, then for each text  |
 * |        |      |          | name, text value                                               |
 *
 * A reader recomputes the id and refuses a body whose content does not match it.
 */

import { createHash } from "node:crypto";
import { ByteReader, ByteWriter, MalformedError } from "./bytes.ts";

/** Content address: 32 hexadecimal digits (16 bytes). */
export type ContentId = string;

export const contentIdBytes = 16;

export interface Label {
  readonly name: string;
  readonly value: string;
}

/** The name and labels of one series as its target exposes it, in exposition order. */
export interface Series {
  readonly name: string;
  readonly labels: readonly Label[];
}

export interface FamilyMetadata {
  /** Name of the metric family; that of the series themselves when they have no metadata. */
  readonly family: string;
  /** `counter`, `gauge`, `histogram`, `summary`, … or `unknown`. */
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

export interface Block extends FamilyMetadata {
  readonly kind: "block";
  readonly id: ContentId;
  readonly series: readonly Series[];
}

export interface Layout {
  readonly kind: "layout";
  readonly id: ContentId;
  readonly blocks: readonly ContentId[];
}

/**
 * Its labels are added to every series of its scrapes. Where a series has a label of the same name, the series' own
 * wins: the collector has settled conflicts before (`honorLabels`, `exported_`), and an empty one removes the
 * target's.
 */
export interface Target {
  readonly kind: "target";
  readonly id: ContentId;
  /** BlueKing's data id; 0 when the metric has none. */
  readonly dataId: number;
  /** Sorted by name. */
  readonly labels: readonly Label[];
}

export type Shape = Block | Layout | Target;

const kindCodes = { block: 1, layout: 2, target: 3 } as const;

/** A shape with the body that carries it, ready to be sent. */
export interface EncodedShape<S extends Shape = Shape> {
  readonly shape: S;
  readonly body: Uint8Array<ArrayBuffer>;
}

export function encodeBlock(metadata: FamilyMetadata, series: readonly Series[]): EncodedShape<Block> {
  const content = new ByteWriter(64 + series.length * 64);
  content.text(metadata.family).text(metadata.type).text(metadata.help).text(metadata.unit).varint(series.length);
  for (const one of series) {
    content.text(one.name);
    writeLabels(content, one.labels);
  }
  const { id, body } = address(kindCodes.block, content);
  const { family, type, help, unit } = metadata;
  return { shape: { kind: "block", id, family, type, help, unit, series }, body };
}

export function encodeLayout(blocks: readonly ContentId[]): EncodedShape<Layout> {
  const content = new ByteWriter(8 + blocks.length * contentIdBytes).varint(blocks.length);
  for (const block of blocks) writeContentId(content, block);
  const { id, body } = address(kindCodes.layout, content);
  return { shape: { kind: "layout", id, blocks }, body };
}

export function encodeTarget(dataId: number, labels: readonly Label[]): EncodedShape<Target> {
  const sorted = labels.toSorted((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  const content = new ByteWriter(256).i64(BigInt(dataId));
  writeLabels(content, sorted);
  const { id, body } = address(kindCodes.target, content);
  return { shape: { kind: "target", id, dataId, labels: sorted }, body };
}

/**
 * Reads the body of a SCHEMA or TARGET frame.
 * @throws MalformedError when it has another form, or its id is not that of its content.
 */
export function decodeShape(body: Uint8Array): Shape {
  const reader = new ByteReader(body);
  const kind = reader.u8();
  const id = readContentId(reader);
  const shape = readContent(kind, id, reader);
  reader.end();
  checkId(shape.kind, id, body);
  return shape;
}

/** A block without its series. */
export interface BlockSummary extends FamilyMetadata {
  readonly kind: "block";
  readonly id: ContentId;
  readonly seriesCount: number;
}

/**
 * Checks a body as {@link decodeShape} does; of a block the series are not made. They would be thousands of objects, of
 * which whoever keeps the body has no need now.
 * @throws MalformedError when it has another form, or its id is not that of its content.
 */
export function checkShape(body: Uint8Array): BlockSummary | Layout | Target {
  if (body[0] !== kindCodes.block) return decodeShape(body) as Layout | Target;
  const reader = new ByteReader(body);
  reader.u8();
  const id = readContentId(reader);
  const metadata = { family: reader.text(), type: reader.text(), help: reader.text(), unit: reader.text() };
  const seriesCount = reader.count(2);
  for (let index = 0; index < seriesCount; index++) {
    reader.skipText();
    for (let labels = reader.count(2); labels > 0; labels--) {
      reader.skipText();
      reader.skipText();
    }
  }
  reader.end();
  checkId("block", id, body);
  return { kind: "block", id, ...metadata, seriesCount };
}

function checkId(kind: string, id: ContentId, body: Uint8Array): void {
  const found = contentId(body[0] ?? 0, body.subarray(1 + contentIdBytes));
  if (found !== id) throw new MalformedError(`Cannot take ${kind} "${id}": its content has id ${found}`);
}

/**
 * The number of series of a block, by the body that carries it, in a time that does not depend on them.
 * @throws MalformedError when it is too short.
 */
export function blockSeriesCount(body: Uint8Array): number {
  const reader = new ByteReader(body);
  reader.raw(1 + contentIdBytes);
  for (let text = 0; text < 4; text++) reader.raw(reader.varint());
  return reader.varint();
}

/** The series of a block, by a body that this program has made: whether its id is right is not checked. */
export function readBlockSeries(body: Uint8Array): readonly Series[] {
  const reader = new ByteReader(body);
  reader.raw(1 + contentIdBytes);
  return readBlock("", reader).series;
}

export function writeContentId(writer: ByteWriter, id: ContentId): void {
  writer.raw(Buffer.from(id, "hex"));
}

export function readContentId(reader: ByteReader): ContentId {
  const bytes = reader.raw(contentIdBytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

function readContent(kind: number, id: ContentId, reader: ByteReader): Shape {
  switch (kind) {
    case kindCodes.block:
      return readBlock(id, reader);
    case kindCodes.layout: {
      const count = reader.count(contentIdBytes);
      return { kind: "layout", id, blocks: Array.from({ length: count }, () => readContentId(reader)) };
    }
    case kindCodes.target: {
      const dataId = Number(reader.i64());
      return { kind: "target", id, dataId, labels: readLabels(reader) };
    }
    default:
      throw new MalformedError(`Cannot read shape: unknown kind ${kind}`);
  }
}

function readBlock(id: ContentId, reader: ByteReader): Block {
  const metadata = { family: reader.text(), type: reader.text(), help: reader.text(), unit: reader.text() };
  const count = reader.count(2);
  const series: Series[] = [];
  for (let index = 0; index < count; index++) series.push({ name: reader.text(), labels: readLabels(reader) });
  return { kind: "block", id, ...metadata, series };
}

function writeLabels(writer: ByteWriter, labels: readonly Label[]): void {
  writer.varint(labels.length);
  for (const label of labels) writer.text(label.name).text(label.value);
}

function readLabels(reader: ByteReader): Label[] {
  const count = reader.count(2);
  const labels: Label[] = [];
  for (let index = 0; index < count; index++) labels.push({ name: reader.text(), value: reader.text() });
  return labels;
}

function address(kind: number, content: ByteWriter): { id: ContentId; body: Uint8Array<ArrayBuffer> } {
  const id = contentId(kind, content.view());
  const body = new ByteWriter(1 + contentIdBytes + content.length).u8(kind);
  writeContentId(body, id);
  return { id, body: body.raw(content.view()).finish() };
}

function contentId(kind: number, content: Uint8Array): ContentId {
  const digest = createHash("sha256").update(Uint8Array.of(kind)).update(content).digest("hex");
  return digest.slice(0, contentIdBytes * 2);
}
