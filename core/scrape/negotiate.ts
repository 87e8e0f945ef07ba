import type { CollectionMetric } from "../config/schema.ts";
import type { ExpositionFormat } from "../exposition/parse.ts";

const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/**
 * The Accept header of Prometheus 3: its formats in the order of preference, then anything. Protobuf is asked for
 * only where native histograms are wanted, since it costs the target more than text; it is the first then.
 */
export function acceptHeader(metric: Pick<CollectionMetric, "nativeHistograms" | "nameEscaping">): string {
  const escaping = `escaping=${metric.nameEscaping}`;
  const types = [
    ...metric.nativeHistograms ? [protobuf] : [],
    `application/openmetrics-text;version=1.0.0;${escaping}`,
    "application/openmetrics-text;version=0.0.1",
    `text/plain;version=1.0.0;${escaping}`,
    "text/plain;version=0.0.4",
    "*/*",
  ];
  return types.map((type, index) => `${type};q=0.${6 - index}`).join(",");
}

const fallbackFormats: Readonly<Record<NonNullable<CollectionMetric["fallbackProtocol"]>, ExpositionFormat>> = {
  "PrometheusProto": "protobuf",
  "PrometheusText0.0.4": "prometheus",
  "PrometheusText1.0.0": "prometheus",
  "OpenMetricsText0.0.1": "openmetrics",
  "OpenMetricsText1.0.0": "openmetrics",
};

/** How to read a body whose content type does not tell; null when the metric does not either. */
export function fallbackFormat(metric: Pick<CollectionMetric, "fallbackProtocol">): ExpositionFormat | null {
  return metric.fallbackProtocol === undefined ? null : fallbackFormats[metric.fallbackProtocol];
}
