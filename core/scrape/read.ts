import type { CollectionMetric } from "../config/schema.ts";
import type { Exposition } from "../exposition/exposition.ts";
import { type ExpositionFormat, formatOfContentType, parseExposition } from "../exposition/parse.ts";
import { ScrapeRefusedError } from "./limits.ts";

/**
 * Reads the body of a scrape in the format that its content type names, or else in the metric's fallback.
 * @throws ScrapeRefusedError for a content type that is none of metrics; ExpositionError, with line and column, for a
 * body that breaks its format.
 */
export function readScrape(
  body: Uint8Array,
  contentType: string,
  metric: Pick<CollectionMetric, "fallbackProtocol">,
): Exposition {
  const format = formatOfContentType(contentType, fallbackFormat(metric));
  if (format === null) throw new ScrapeRefusedError(wrongContentType(contentType));
  return parseExposition(body, format, false);
}

function fallbackFormat(metric: Pick<CollectionMetric, "fallbackProtocol">): ExpositionFormat | null {
  if (metric.fallbackProtocol === undefined) return null;
  return metric.fallbackProtocol === "OpenMetricsText1.0.0" ? "openmetrics" : "prometheus";
}

function wrongContentType(contentType: string): string {
  if (contentType === "") return "no content type: set fallbackProtocol if the target exposes metrics all the same";
  return `content type "${contentType.slice(0, 100)}" is none of metrics`;
}
