import { jsonSample } from "../../core/exposition/json_sample.ts";
import type { Clock } from "../../core/runtime/env.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import { resolveRecords } from "../delivery/resolve.ts";
import type { ResolvedScrape } from "../sink.ts";
import { type Wal, WalClosedError, type WalPosition, type WalReader } from "../wal/wal.ts";
import { type TailQuery, wantedLabels } from "./query.ts";

export interface TailOptions {
  readonly wal: Pick<Wal, "reader" | "shapes" | "segmentList" | "stats">;
  readonly query: TailQuery;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called once, at the end of the stream, whatever ended it. */
  readonly onEnd: () => void;
}

const readBytes = 256 * 1024;
/** A client this far behind the log skips to its end: it wants to see what is, not what was. */
const behindEntriesMax = 10_000;
/** An empty line after this long without another tells the client that the stream lives. */
const quietMs = 10_000;

const encoder = new TextEncoder();

/**
 * What the log takes from now on, as JSON lines: samples as the file sink writes them, and
 * `{"notice":…,"samples":…}` or `{"notice":…,"scrapes":…}` where some were left out, since there were more than were
 * asked for or the client could take. It reads the log as a sink does, and holds up nothing.
 */
export class Tail {
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: TailOptions;
  readonly #ending = new AbortController();
  #position: WalPosition;
  #reader: WalReader | null = null;
  #secondStartMs: number;
  #shownInSecond = 0;
  #leftOut = 0;

  constructor(options: TailOptions) {
    this.#options = options;
    this.#position = this.#end();
    this.#secondStartMs = options.clock.monotonicMs();
    this.body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const text = await this.#next();
        if (text === null) controller.close();
        else controller.enqueue(encoder.encode(text));
      },
      cancel: () => this.close(),
    }, { highWaterMark: 1 });
  }

  /** Ends the stream. */
  close(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#options.onEnd();
  }

  /** Some lines, an empty one after a quiet while, or null at the end. */
  async #next(): Promise<string | null> {
    const { signal } = this.#ending;
    let text = this.#skipToEnd();
    try {
      while (text === "") {
        if (signal.aborted) return await this.#finish();
        const reader = this.#reader ??= this.#options.wal.reader(this.#position);
        const found = await reader.read(readBytes);
        if (found === null) {
          text = this.#leftOutNotice();
          if (text === "" && !await this.#changed(reader)) text = "\n";
          continue;
        }
        this.#position = found.next;
        const { scrapes } = resolveRecords(found.records, this.#options.wal.shapes);
        text = scrapes.map((scrape) => this.#lines(scrape)).join("");
      }
      return text;
    } catch (error) {
      if (!(error instanceof WalClosedError)) this.#options.log.error({ err: error }, "tail cannot read the log");
      return await this.#finish();
    }
  }

  async #finish(): Promise<null> {
    this.close();
    await this.#reader?.close();
    return null;
  }

  /** False after a quiet while. */
  async #changed(reader: WalReader): Promise<boolean> {
    const waiting = new AbortController();
    const stop = () => waiting.abort();
    const cancel = this.#options.clock.after(quietMs, stop);
    this.#ending.signal.addEventListener("abort", stop);
    try {
      await reader.changed(waiting.signal);
      return !waiting.signal.aborted || this.#ending.signal.aborted;
    } finally {
      cancel();
      this.#ending.signal.removeEventListener("abort", stop);
    }
  }

  /** Returns a notice, or "" when there was no need. */
  #skipToEnd(): string {
    const end = this.#end();
    const scrapes = end.entry - this.#position.entry;
    if (scrapes <= behindEntriesMax) return "";
    this.#position = end;
    const reader = this.#reader;
    this.#reader = null;
    void reader?.close();
    return `${JSON.stringify({ notice: "too slow: skipped to the end of the log", scrapes })}\n`;
  }

  #end(): WalPosition {
    return this.#options.wal.segmentList().at(-1)?.end ?? this.#options.wal.stats().oldest;
  }

  #lines(scrape: ResolvedScrape): string {
    const { target, blocks, values, sampleTimesMs } = scrape;
    let text = "";
    let index = -1;
    for (const { series: list, type } of blocks) {
      for (const series of list) {
        index++;
        const labels = wantedLabels(this.#options.query, series, target);
        if (labels === null) continue;
        text += this.#newSecond();
        if (this.#shownInSecond >= this.#options.query.samplesPerSecond) {
          this.#leftOut++;
          continue;
        }
        this.#shownInSecond++;
        const ownMs = sampleTimesMs?.[index] ?? NaN;
        const timestampMs = Number.isNaN(ownMs) ? scrape.timestampMs : ownMs;
        text += `${jsonSample({ name: series.name, labels, value: values[index] ?? NaN, timestampMs, type })}\n`;
      }
    }
    return text;
  }

  /** At the first sample of a second: the notice about the one before. */
  #newSecond(): string {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < this.#secondStartMs + 1000) return "";
    this.#secondStartMs = nowMs;
    this.#shownInSecond = 0;
    return this.#leftOutNotice();
  }

  #leftOutNotice(): string {
    if (this.#leftOut === 0) return "";
    const { samplesPerSecond } = this.#options.query;
    const notice = `left out: more than ${samplesPerSecond} a second`;
    const line = JSON.stringify({ notice, samples: this.#leftOut });
    this.#leftOut = 0;
    return `${line}\n`;
  }
}
