import { messageOf } from "../../core/errors.ts";
import { MalformedError } from "../../core/protocol/bytes.ts";
import { decodeScrapes, type Scrape } from "../../core/protocol/scrapes.ts";
import type { Block, ContentId, Layout, Shape, Target } from "../../core/protocol/shape.ts";
import type { OpaqueRecord, ResolvedScrape } from "../sink.ts";
import type { OpaqueWalRecord, ScrapesRecord, ShapeTable, WalRecord } from "../wal/wal.ts";

/** What the records of the WAL mean to a sink. */
export interface Resolved {
  readonly scrapes: readonly ResolvedScrape[];
  readonly opaque: readonly OpaqueRecord[];
  /** Records that their collectors declared lost. */
  readonly lostRecords: number;
  /** Why records or scrapes could not be used, one text for each. None of these can happen but for a defect of ours. */
  readonly defects: readonly string[];
}

/**
 * Decodes records and looks up the shapes that they refer to. Bodies of opaque records are handed on as views.
 * What cannot be resolved is left out and told in `defects`.
 */
export function resolveRecords(records: readonly WalRecord[], shapes: Pick<ShapeTable, "get">): Resolved {
  const scrapes: ResolvedScrape[] = [];
  const opaque: OpaqueRecord[] = [];
  const defects: string[] = [];
  let lostRecords = 0;
  for (const record of records) {
    switch (record.kind) {
      case "scrapes":
        resolveBody(record, shapes, scrapes, defects);
        break;
      case "opaque":
        opaque.push(resolveOpaque(record));
        break;
      case "lost":
        lostRecords += record.lost.records;
        break;
    }
  }
  return { scrapes, opaque, lostRecords, defects };
}

function resolveBody(
  record: ScrapesRecord,
  shapes: Pick<ShapeTable, "get">,
  scrapes: ResolvedScrape[],
  defects: string[],
): void {
  const where = `record ${record.sequence} of ${record.origin.namespace}/${record.origin.name}`;
  try {
    for (const scrape of decodeScrapes(record.body)) {
      const resolved = resolveScrape(scrape, shapes);
      if (typeof resolved === "string") defects.push(`${where}: ${resolved}`);
      else scrapes.push(resolved);
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    defects.push(`${where}: ${messageOf(error)}`);
  }
}

/** The scrape with its shapes, or why there is none. */
function resolveScrape(scrape: Scrape, shapes: Pick<ShapeTable, "get">): ResolvedScrape | string {
  const target = shapes.get(scrape.targetId);
  if (!isKind(target, "target")) return missing("target", scrape.targetId);
  const layout = shapes.get(scrape.layoutId);
  if (!isKind(layout, "layout")) return missing("layout", scrape.layoutId);
  const blocks: Block[] = [];
  let seriesCount = 0;
  for (const id of layout.blocks) {
    const block = shapes.get(id);
    if (!isKind(block, "block")) return missing("block", id);
    blocks.push(block);
    seriesCount += block.series.length;
  }
  const { timestampMs, values, sampleTimesMs } = scrape;
  if (seriesCount !== values.length) {
    return `${values.length} values for ${seriesCount} series of layout "${layout.id}"`;
  }
  return { target, layout, blocks, timestampMs, values, sampleTimesMs };
}

function isKind<K extends Shape["kind"]>(shape: Shape | undefined, kind: K): shape is ShapeOfKind[K] {
  return shape?.kind === kind;
}

interface ShapeOfKind {
  readonly block: Block;
  readonly layout: Layout;
  readonly target: Target;
}

function missing(kind: string, id: ContentId): string {
  return `${kind} "${id}" is not known`;
}

function resolveOpaque(record: OpaqueWalRecord): OpaqueRecord {
  return {
    frameType: record.frameType,
    dataId: record.id === 0n ? ownDataId(record.body) : Number(record.id),
    timestampMs: Number(record.timestampNs / 1_000_000n),
    record: record.body,
  };
}

/** The original client library leaves the frame's id at 0: then the record's own `dataid` counts, 0 without one. */
function ownDataId(body: Uint8Array): number {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder().decode(body));
    const hasId = typeof parsed === "object" && parsed !== null && "dataid" in parsed;
    return hasId && Number.isSafeInteger(parsed.dataid) ? parsed.dataid as number : 0;
  } catch (error) {
    if (error instanceof SyntaxError) return 0;
    throw error;
  }
}
