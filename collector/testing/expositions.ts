import type { Exposition } from "../../core/exposition/exposition.ts";
import { parseExposition } from "../../core/exposition/parse.ts";
import { decodeScrapes } from "../../core/protocol/scrapes.ts";
import { decodeShape, type Shape } from "../../core/protocol/shape.ts";
import type { OutboundRecord } from "../send/outbox.ts";

/** Reads Prometheus text. */
export function exposition(text: string): Exposition {
  return parseExposition(new TextEncoder().encode(text), "prometheus", false);
}

export interface ReadSample {
  readonly name: string;
  /** Those of the series over those of its target, without the empty ones. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly timestampMs: number;
}

/** What an exporter makes of the records of SCRAPES: every sample with all its labels. */
export function readRecords(records: readonly OutboundRecord[]): ReadSample[] {
  return records.flatMap((record) => {
    const shapes = record.shapes.map(({ body }) => decodeShape(body));
    return readScrapes(record.body, new Map(shapes.map((shape) => [shape.id, shape])));
  });
}

/** The samples in a body of SCRAPES, which may refer to `shapes`. */
export function readScrapes(body: Uint8Array, shapes: ReadonlyMap<string, Shape>): ReadSample[] {
  return decodeScrapes(body).flatMap((scrape) => {
    const target = shapeOf(shapes, scrape.targetId, "target");
    const blocks = shapeOf(shapes, scrape.layoutId, "layout").blocks.map((id) => shapeOf(shapes, id, "block"));
    const series = blocks.flatMap((block) => block.series);
    if (series.length !== scrape.values.length) throw new Error("Cannot read a scrape: values do not match its layout");
    return series.map(({ name, labels }, index) => {
      const joined = Object.fromEntries([...target.labels, ...labels].map((label) => [label.name, label.value]));
      const timeMs = scrape.sampleTimesMs?.[index] ?? NaN;
      return {
        name,
        labels: Object.fromEntries(Object.entries(joined).filter(([, value]) => value !== "")),
        value: scrape.values[index] ?? NaN,
        timestampMs: Number.isNaN(timeMs) ? scrape.timestampMs : timeMs,
      };
    });
  });
}

function shapeOf<K extends Shape["kind"]>(shapes: ReadonlyMap<string, Shape>, id: string, kind: K) {
  const shape = shapes.get(id);
  if (shape?.kind !== kind) throw new Error(`Cannot read a scrape: it refers to a ${kind} ${id} that was not sent`);
  return shape as Extract<Shape, { kind: K }>;
}
