import type { ExpositionFormat } from "./parse.ts";

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const quoted = `"(?:[^"\\\\]|\\\\.)*"`;
const mediaType = new RegExp(`^\\s*(${token}/${token})\\s*((?:;\\s*${token}=(?:${token}|${quoted})\\s*)*);?\\s*$`);
const parameter = new RegExp(`;\\s*(${token})=(${token}|${quoted})`, "g");

/** A longer header is no content type, and is not looked at. */
const lengthMax = 1024;

/** What the parameters of a type must be when they are there; others do not matter. */
interface KnownType {
  readonly format: ExpositionFormat;
  readonly parameters: ReadonlyMap<string, string>;
}

const knownTypes: ReadonlyMap<string, KnownType> = new Map<string, KnownType>([
  ["text/plain", { format: "prometheus", parameters: new Map() }],
  ["application/openmetrics-text", { format: "openmetrics", parameters: new Map() }],
  ["application/vnd.google.protobuf", {
    format: "protobuf",
    parameters: new Map([["proto", "io.prometheus.client.metricfamily"], ["encoding", "delimited"]]),
  }],
]);

/**
 * The format that a scrape's Content-Type names: `text/plain` is Prometheus text, `application/openmetrics-text` is
 * OpenMetrics, `application/vnd.google.protobuf` is protobuf unless its parameters name another message or encoding.
 * Other parameters do not matter, as in Prometheus 3: every `version` is read alike.
 *
 * Returns `fallback`, which is null by default, when the header is missing, malformed or names something else; on null
 * the scrape fails.
 */
export function formatOfContentType(
  contentType: string | null,
  fallback: ExpositionFormat | null = null,
): ExpositionFormat | null {
  if (contentType === null || contentType.length > lengthMax) return fallback;
  const [, type = "", parameters = ""] = mediaType.exec(contentType) ?? [];
  const known = knownTypes.get(type.toLowerCase());
  if (known === undefined) return fallback;
  for (const [, name = "", value = ""] of parameters.matchAll(parameter)) {
    const wanted = known.parameters.get(name.toLowerCase());
    if (wanted !== undefined && unquoted(value).toLowerCase() !== wanted) return fallback;
  }
  return known.format;
}

function unquoted(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value;
}
