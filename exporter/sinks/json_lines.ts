/**
 * The lines of the file sink and of dead letters: one JSON object each.
 *
 *   {"name":"http_requests_total","labels":{"code":"200"},"value":12,"timestampMs":1700000000000}
 *   {"dataId":1500001,"timestampMs":1700000000000,"record":{"data":"…"}}
 *
 * A value that JSON has no number for is one of the strings "NaN", "+Inf" and "-Inf"; the staleness marker
 * is a "NaN" followed by `"stale":true`.
 * The record of an opaque line is the JSON that came, else the text that came as a string, else, when it is not
 * UTF-8, its base64, with `"encoding":"base64"` behind it.
 */

import { jsonValue } from "../../core/exposition/json_sample.ts";
import type { Block, Series, Target } from "../../core/protocol/shape.ts";
import type { Batch, OpaqueRecord, ResolvedScrape } from "../sink.ts";
import { BlockCache, blockCacheBytesDefault, type Materialized } from "./block_cache.ts";
import { materializeLabels, withoutName } from "./materialize.ts";
import { StaleBits } from "./samples.ts";

/** Some whole lines, each ended by a newline. */
export interface Lines {
  readonly text: string;
  readonly count: number;
}

/** The part of a line before the value, for each series of a block. */
interface LinePrefixes extends Materialized {
  readonly texts: readonly string[];
}

/** A piece of text is handed on when it has this many characters, so that a large batch is never one string. */
const pieceCharacters = 256 * 1024;
const stringOverheadBytes = 32;

/** Turns batches into lines. The constant part of each line is cached, in at most `cacheBytesMax` bytes. */
export class JsonLines {
  readonly #prefixes: BlockCache<LinePrefixes>;

  constructor(cacheBytesMax: number = blockCacheBytesDefault) {
    this.#prefixes = new BlockCache(cacheBytesMax, linePrefixes);
  }

  /**
   * The lines of a batch, scrapes first, in pieces of about 256 Ki characters.
   * `members` are further members of every object, as JSON text that begins with a comma; default none.
   */
  *of(batch: Batch, members = ""): Generator<Lines> {
    for (const scrape of batch.scrapes) yield* this.#scrapeLines(scrape, `${members}}\n`);
    for (const record of batch.opaque) yield { text: opaqueLine(record, `${members}}\n`), count: 1 };
  }

  *#scrapeLines(scrape: ResolvedScrape, end: string): Generator<Lines> {
    const { target, values, sampleTimesMs } = scrape;
    const scrapeTail = lineTail(scrape.timestampMs, end);
    const stale = new StaleBits(values);
    let text = "";
    let count = 0;
    let index = 0;
    for (const block of scrape.blocks) {
      for (const prefix of this.#prefixes.get(block, target).texts) {
        const timeMs = sampleTimesMs === null ? NaN : sampleTimesMs[index] as number;
        const value = values[index] as number;
        const mark = value !== value && stale.at(index) ? `,"stale":true` : "";
        text += prefix + jsonValue(value) + mark + (timeMs === timeMs ? lineTail(timeMs, end) : scrapeTail);
        index++;
        count++;
        if (text.length < pieceCharacters) continue;
        yield { text, count };
        text = "";
        count = 0;
      }
    }
    if (count > 0) yield { text, count };
  }
}

const textEncoder = new TextEncoder();

/** The lines of a batch as bytes, in pieces of whole lines: short texts are joined, so that they are few writes. */
export function* encodedLines(lines: JsonLines, batch: Batch): Generator<Uint8Array> {
  let text = "";
  for (const piece of lines.of(batch)) {
    text += piece.text;
    if (text.length < pieceCharacters) continue;
    yield textEncoder.encode(text);
    text = "";
  }
  if (text !== "") yield textEncoder.encode(text);
}

function lineTail(timestampMs: number, end: string): string {
  return `,"timestampMs":${timestampMs}${end}`;
}

function linePrefixes(block: Block, target: Target): LinePrefixes {
  const texts = block.series.map((series) => linePrefix(series, target));
  return { texts, bytes: texts.reduce((sum, text) => sum + text.length + stringOverheadBytes, 0) };
}

function linePrefix(series: Series, target: Target): string {
  const labels = withoutName(materializeLabels(series, target));
  // Joining gives a flat string; one made by `+` would be walked as a tree for each line that uses it.
  const members = labels.map((label) => `${JSON.stringify(label.name)}:${JSON.stringify(label.value)}`).join(",");
  return [`{"name":`, JSON.stringify(series.name), `,"labels":{`, members, `},"value":`].join("");
}

function opaqueLine(record: OpaqueRecord, end: string): string {
  return `{"dataId":${record.dataId},"timestampMs":${record.timestampMs},"record":${jsonRecord(record.record)}${end}`;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function jsonRecord(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  if (text === null) return `"${Buffer.from(bytes).toString("base64")}","encoding":"base64"`;
  return oneLineJson(text) ?? JSON.stringify(text);
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** The JSON as it came when it has no line breaks, so that long numbers keep their digits; null when it is no JSON. */
function oneLineJson(text: string): string | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return /[\n\r]/.test(text) ? JSON.stringify(parsed) : text;
  } catch (error) {
    // A RangeError is nesting too deep to be written again.
    if (error instanceof SyntaxError || error instanceof RangeError) return null;
    throw error;
  }
}
