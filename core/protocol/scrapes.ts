/**
 * SCRAPES body: the values of one or more scrapes (the frame's id is its sequence number).
 *
 * | offset | size | field   | encoding                                      |
 * | ------ | ---- | ------- | --------------------------------------------- |
 * | 0      |      | count   | varint: number of scrapes, each as below      |
 *
 * | size | field         | encoding                                                              |
 * | ---- | ------------- | --------------------------------------------------------------------- |
 * | 16   | target        | id of the TARGET                                                      |
 * | 16   | layout        | id of the layout                                                      |
 * | 8    | timestamp     | i64, Unix milliseconds of the scrape                                  |
 * | 1    | coding        | bits 0-3: coding of the values, 0 = plain; bit 4: sample times follow |
 * |      | sample count  | varint; the layout's blocks have as many series                       |
 * |      | payload bytes | varint: length of the rest of this scrape                             |
 * | 8n   | values        | coding 0: little-endian IEEE 754 for each series, in layout order     |
 * |      | sample times  | varint each, in layout order: 0 = the scrape's time, else 1 + the     |
 * |      |               | zigzag-coded milliseconds from the scrape's time                      |
 */

import { type AllocateValues, ByteReader, ByteWriter, MalformedError, varintBytes } from "./bytes.ts";
import { type ContentId, contentIdBytes, readContentId, writeContentId } from "./shape.ts";

export interface Scrape {
  readonly targetId: ContentId;
  readonly layoutId: ContentId;
  /** Unix milliseconds at which the scrape began. */
  readonly timestampMs: number;
  /** One for each series of the layout, in its order. NaN payloads are kept. */
  readonly values: Float64Array<ArrayBuffer>;
  /** Explicit times of the samples in Unix milliseconds, NaN where a sample has none; null when none has one. */
  readonly sampleTimesMs: Float64Array<ArrayBuffer> | null;
}

const codingPlain = 0;
export const sampleTimesFlag = 0x10;
/** Target, layout and timestamp: how a scrape begins. */
export const scrapeHeadBytes: number = 2 * contentIdBytes + 8;
export const scrapeBytesMin: number = scrapeHeadBytes + 1 + 1 + 1;

export function encodeScrapes(scrapes: readonly Scrape[]): Uint8Array<ArrayBuffer> {
  let bytes = varintBytes(scrapes.length);
  for (const { values } of scrapes) bytes += plainScrapeBytes(values.length, 0);
  const writer = new ByteWriter(bytes).varint(scrapes.length);
  for (const scrape of scrapes) writeScrape(writer, scrape);
  // Without sample times that was all of it, so that nothing is copied.
  return writer.release();
}

/**
 * `allocate` gives the arrays of the values; by default each is an array of its own.
 * @throws MalformedError when the body has another form.
 */
export function decodeScrapes(body: Uint8Array, allocate?: AllocateValues): Scrape[] {
  const reader = new ByteReader(body);
  const count = reader.count(scrapeBytesMin);
  const scrapes: Scrape[] = [];
  for (let index = 0; index < count; index++) scrapes.push(readScrape(reader, allocate));
  reader.end();
  return scrapes;
}

/** What a scrape refers to and how much it holds, without its values. */
export interface ScrapeSummary {
  readonly targetId: ContentId;
  readonly layoutId: ContentId;
  readonly timestampMs: number;
  readonly sampleCount: number;
}

/**
 * Checks everything that {@link decodeScrapes} checks but hands out no values, in time that does not depend on the
 * number of samples, unless they have times of their own.
 * @throws MalformedError when the body has another form: what passes here can be decoded later.
 */
export function summarizeScrapes(body: Uint8Array): ScrapeSummary[] {
  const reader = new ByteReader(body);
  const count = reader.count(scrapeBytesMin);
  const summaries: ScrapeSummary[] = [];
  for (let index = 0; index < count; index++) {
    const { targetId, layoutId, timestampMs, coding, sampleCount, payloadBytes } = readScrapeHead(reader);
    const payload = new ByteReader(reader.raw(payloadBytes));
    payload.raw(sampleCount * 8);
    if ((coding & sampleTimesFlag) !== 0) decodeSampleTimes(payload, sampleCount, timestampMs);
    payload.end();
    summaries.push({ targetId, layoutId, timestampMs, sampleCount });
  }
  reader.end();
  return summaries;
}

/** One scrape of a body, as views of it. */
export interface ScrapeView {
  /** Target, layout and timestamp. */
  readonly head: Uint8Array;
  readonly timestampMs: number;
  readonly sampleCount: number;
  /** Where in the body its values begin. */
  readonly valuesAt: number;
  /** The coded times of its samples; null when none has one. */
  readonly sampleTimes: Uint8Array | null;
}

/**
 * The scrapes of a body that this program has made: it is trusted to have the form that it should.
 * @throws MalformedError when it is too short.
 */
export function viewScrapes(body: Uint8Array): ScrapeView[] {
  const reader = new ByteReader(body);
  return Array.from({ length: reader.count(scrapeBytesMin) }, () => {
    const head = reader.raw(scrapeHeadBytes);
    const timestampMs = timestampOf(head);
    const coding = reader.u8();
    if ((coding & ~sampleTimesFlag) !== codingPlain) throw new MalformedError(`Cannot view scrape: coding ${coding}`);
    const sampleCount = reader.varint();
    const payload = reader.varint();
    const valuesAt = reader.offset;
    reader.raw(sampleCount * 8);
    const sampleTimes = (coding & sampleTimesFlag) === 0 ? null : reader.raw(payload - sampleCount * 8);
    return { head, timestampMs, sampleCount, valuesAt, sampleTimes };
  });
}

/** What a scrape takes in a body. */
export function plainScrapeBytes(sampleCount: number, timesBytes: number): number {
  const payloadBytes = sampleCount * 8 + timesBytes;
  return scrapeHeadBytes + 1 + varintBytes(sampleCount) + varintBytes(payloadBytes) + payloadBytes;
}

export function timestampOf(head: Uint8Array): number {
  return Number(new DataView(head.buffer, head.byteOffset).getBigInt64(2 * contentIdBytes));
}

/** @throws MalformedError when they are no times of so many samples. */
export function checkSampleTimes(times: Uint8Array, sampleCount: number): void {
  const reader = new ByteReader(times);
  for (let index = 0; index < sampleCount; index++) reader.varint();
  reader.end();
}

function writeScrape(writer: ByteWriter, scrape: Scrape): void {
  writeContentId(writer, scrape.targetId);
  writeContentId(writer, scrape.layoutId);
  const times = scrape.sampleTimesMs === null ? null : encodeSampleTimes(scrape.sampleTimesMs, scrape.timestampMs);
  writer.i64(BigInt(scrape.timestampMs)).u8(codingPlain | (times === null ? 0 : sampleTimesFlag));
  writer.varint(scrape.values.length).varint(scrape.values.byteLength + (times?.length ?? 0));
  writer.float64s(scrape.values);
  if (times !== null) writer.raw(times);
}

function readScrapeHead(reader: ByteReader) {
  const targetId = readContentId(reader);
  const layoutId = readContentId(reader);
  const timestampMs = Number(reader.i64());
  const coding = reader.u8();
  if ((coding & ~sampleTimesFlag) !== codingPlain) throw new MalformedError(`Cannot read scrape: coding ${coding}`);
  return { targetId, layoutId, timestampMs, coding, sampleCount: reader.varint(), payloadBytes: reader.varint() };
}

function readScrape(reader: ByteReader, allocate: AllocateValues | undefined): Scrape {
  const { targetId, layoutId, timestampMs, coding, sampleCount, payloadBytes } = readScrapeHead(reader);
  const payload = new ByteReader(reader.raw(payloadBytes));
  const values = payload.float64s(sampleCount, allocate);
  const hasTimes = (coding & sampleTimesFlag) !== 0;
  const sampleTimesMs = hasTimes ? decodeSampleTimes(payload, sampleCount, timestampMs) : null;
  payload.end();
  return { targetId, layoutId, timestampMs, values, sampleTimesMs };
}

function encodeSampleTimes(timesMs: Float64Array, scrapeMs: number): Uint8Array {
  const writer = new ByteWriter(timesMs.length * 2);
  for (const timeMs of timesMs) {
    const offset = timeMs - scrapeMs;
    writer.varint(Number.isNaN(timeMs) ? 0 : 1 + (offset < 0 ? -offset * 2 - 1 : offset * 2));
  }
  return writer.finish();
}

function decodeSampleTimes(reader: ByteReader, count: number, scrapeMs: number): Float64Array<ArrayBuffer> {
  const times = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    const coded = reader.varint();
    const zigzag = coded - 1;
    times[index] = coded === 0 ? NaN : scrapeMs + (zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2);
  }
  return times;
}
