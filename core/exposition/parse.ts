import type { Exposition } from "./exposition.ts";
import { parseOpenMetrics } from "./open_metrics.ts";
import { parsePrometheusText } from "./prometheus_text.ts";

export type ExpositionFormat = "prometheus" | "openmetrics";

/**
 * Reads an exposition in the given format; see {@link parsePrometheusText} and {@link parseOpenMetrics}.
 * `strict` asks for what the format's description says instead of what Prometheus takes.
 * @throws ExpositionError, with line and column, when the body breaks the format.
 */
export function parseExposition(body: Uint8Array, format: ExpositionFormat, strict: boolean): Exposition {
  return format === "openmetrics" ? parseOpenMetrics(body, { strict }) : parsePrometheusText(body, { strict });
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const mediaType = new RegExp(
  `^\\s*(${token}/${token})\\s*(?:;\\s*${token}=(?:${token}|"(?:[^"\\\\]|\\\\.)*")\\s*)*;?\\s*$`,
);

const formatOfMediaType: ReadonlyMap<string, ExpositionFormat> = new Map([
  ["text/plain", "prometheus"],
  ["application/openmetrics-text", "openmetrics"],
]);

/**
 * The format that a scrape's Content-Type names: `text/plain` is Prometheus text, `application/openmetrics-text` is
 * OpenMetrics. Parameters do not matter, as in Prometheus 3: every `version` is read alike.
 *
 * Returns `fallback`, which is null by default, when the header is missing, malformed or names something else; on null
 * the scrape fails.
 */
export function formatOfContentType(
  contentType: string | null,
  fallback: ExpositionFormat | null = null,
): ExpositionFormat | null {
  const type = mediaType.exec(contentType ?? "")?.[1]?.toLowerCase() ?? "";
  return formatOfMediaType.get(type) ?? fallback;
}
