import { messageOf } from "../../core/errors.ts";
import { type AllocateValues, MalformedError } from "../../core/protocol/bytes.ts";
import { decodeScrapes, type Scrape } from "../../core/protocol/scrapes.ts";
import type { Block, ContentId, Layout, Shape, Target } from "../../core/protocol/shape.ts";
import { seriesCountOf } from "../../core/protocol/stored_block.ts";
import type { LostEntry } from "../ledger/loss.ts";
import type { OpaqueRecord, ResolvedScrape } from "../sink.ts";
import { entryCount } from "../wal/entries.ts";
import type { LostRecord, OpaqueWalRecord, ScrapesRecord, ShapeTable, WalRecord } from "../wal/wal.ts";

/** What the records of the WAL mean to a sink. */
export interface Resolved {
  readonly scrapes: readonly ResolvedScrape[];
  readonly opaque: readonly OpaqueRecord[];
  /** What collectors declared lost. */
  readonly declared: readonly LostRecord[];
  /** Entries that could not be used. None of them should be there but for a defect of ours. */
  readonly unresolved: readonly LostEntry[];
  /** Why, one text for each record or scrape. */
  readonly defects: readonly string[];
}

interface Resolving {
  readonly scrapes: ResolvedScrape[];
  readonly unresolved: LostEntry[];
  readonly defects: string[];
}

/**
 * Decodes records and looks up the shapes that they refer to. Bodies of opaque records are handed on as views.
 * What cannot be resolved is left out and told in `unresolved` and `defects`. The arrays of the values come from
 * `allocate`, and are valid as long as what that gives.
 */
export function resolveRecords(
  records: readonly WalRecord[],
  shapes: Pick<ShapeTable, "get">,
  allocate?: AllocateValues,
): Resolved {
  const resolving: Resolving = { scrapes: [], unresolved: [], defects: [] };
  const opaque: OpaqueRecord[] = [];
  const declared: LostRecord[] = [];
  for (const record of records) {
    switch (record.kind) {
      case "scrapes":
        resolveBody(record, shapes, resolving, allocate);
        break;
      case "opaque":
        opaque.push(resolveOpaque(record));
        break;
      case "lost":
        declared.push(record);
        break;
    }
  }
  return { ...resolving, opaque, declared };
}

function resolveBody(
  record: ScrapesRecord,
  shapes: Pick<ShapeTable, "get">,
  resolving: Resolving,
  allocate: AllocateValues | undefined,
): void {
  const { scrapes, unresolved, defects } = resolving;
  const { origin, sequence } = record;
  const where = `record ${sequence} of ${origin.namespace}/${origin.name}`;
  try {
    for (const scrape of decodeScrapes(record.body, allocate)) {
      const resolved = resolveScrape(scrape, shapes, record);
      if (typeof resolved !== "string") {
        scrapes.push(resolved);
        continue;
      }
      defects.push(`${where}: ${resolved}`);
      unresolved.push({ origin, sequence, samples: scrape.values.length, timestampMs: scrape.timestampMs });
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    defects.push(`${where}: ${messageOf(error)}`);
    // The log counted it by the number in front of it.
    const lost: LostEntry = { origin, sequence, samples: 0, timestampMs: null };
    for (let count = entryCount(record); count > 0; count--) unresolved.push(lost);
  }
}

/** The scrape with its shapes, or why there is none. */
function resolveScrape(
  scrape: Scrape,
  shapes: Pick<ShapeTable, "get">,
  { origin, sequence }: ScrapesRecord,
): ResolvedScrape | string {
  const target = shapes.get(scrape.targetId);
  if (!isKind(target, "target")) return missing("target", scrape.targetId);
  const layout = shapes.get(scrape.layoutId);
  if (!isKind(layout, "layout")) return missing("layout", scrape.layoutId);
  const found = blocksOf(layout, shapes);
  if (typeof found === "string") return found;
  const { blocks, seriesCount } = found;
  const { timestampMs, values, sampleTimesMs } = scrape;
  if (seriesCount !== values.length) {
    return `${values.length} values for ${seriesCount} series of layout "${layout.id}"`;
  }
  return { target, layout, blocks, timestampMs, values, sampleTimesMs, origin, sequence };
}

interface LayoutBlocks {
  readonly blocks: readonly Block[];
  readonly seriesCount: number;
}

/** A layout's content never changes: its blocks are looked up once. */
const layoutBlocks = new WeakMap<Layout, LayoutBlocks>();

function blocksOf(layout: Layout, shapes: Pick<ShapeTable, "get">): LayoutBlocks | string {
  const known = layoutBlocks.get(layout);
  if (known !== undefined) return known;
  const blocks: Block[] = [];
  let seriesCount = 0;
  for (const id of layout.blocks) {
    const block = shapes.get(id);
    if (!isKind(block, "block")) return missing("block", id);
    blocks.push(block);
    seriesCount += seriesCountOf(block);
  }
  layoutBlocks.set(layout, { blocks, seriesCount });
  return { blocks, seriesCount };
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
    origin: record.origin,
    sequence: record.sequence,
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
