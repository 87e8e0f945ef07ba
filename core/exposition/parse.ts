import type { Exposition } from "./exposition.ts";
import { parseOpenMetrics } from "./open_metrics.ts";
import { parsePrometheusText } from "./prometheus_text.ts";
import { parseProtobuf } from "./protobuf/parse.ts";

export type TextFormat = "prometheus" | "openmetrics";
export type ExpositionFormat = TextFormat | "protobuf";

/**
 * Reads an exposition in the given format; see {@link parsePrometheusText}, {@link parseOpenMetrics} and
 * {@link parseProtobuf}. `strict` asks for what the format's description says instead of what Prometheus takes.
 * @throws ExpositionError when the body breaks the format: with line and column, or the byte where it has no lines.
 */
export function parseExposition(body: Uint8Array, format: ExpositionFormat, strict: boolean): Exposition {
  if (format === "openmetrics") return parseOpenMetrics(body, { strict });
  return format === "protobuf" ? parseProtobuf(body, { strict }) : parsePrometheusText(body, { strict });
}
