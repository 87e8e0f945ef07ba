import type { CollectionMetric } from "../config/schema.ts";
import { formatOfContentType } from "../exposition/content_type.ts";
import { escapeExposition } from "../exposition/escape_names.ts";
import type { Exposition } from "../exposition/exposition.ts";
import { type ExpositionFormat, parseExposition } from "../exposition/parse.ts";
import { ScrapeRefusedError } from "./limits.ts";
import { fallbackFormat } from "./negotiate.ts";

/**
 * Reads the body of a scrape in the format that its content type names, or else in the metric's fallback, and writes
 * its names as the metric asks, even where the target has not.
 * @throws ScrapeRefusedError for a content type that is none of metrics; ExpositionError, with line and column (or the
 * byte, in protobuf), for a body that breaks its format.
 */
export function readScrape(
  body: Uint8Array,
  contentType: string,
  metric: Pick<CollectionMetric, "fallbackProtocol" | "nameEscaping">,
): Exposition {
  const format = scrapeFormat(contentType, metric);
  return escapeExposition(parseExposition(body, format, false), metric.nameEscaping);
}

/**
 * The format of a scrape's body, as {@link readScrape} takes it to be.
 * @throws ScrapeRefusedError for a content type that is none of metrics.
 */
export function scrapeFormat(
  contentType: string,
  metric: Pick<CollectionMetric, "fallbackProtocol">,
): ExpositionFormat {
  const format = formatOfContentType(contentType, fallbackFormat(metric));
  if (format === null) throw new ScrapeRefusedError(wrongContentType(contentType));
  return format;
}

function wrongContentType(contentType: string): string {
  if (contentType === "") return "no content type: set fallbackProtocol if the target exposes metrics all the same";
  return `content type "${contentType.slice(0, 100)}" is none of metrics`;
}
