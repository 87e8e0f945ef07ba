import type { CollectionMetric, CollectionTarget } from "../config/schema.ts";
import { messageOf } from "../errors.ts";
import { parseAddress } from "../runtime/system_net.ts";

/** One HTTP request, the same for every scrape of a target. */
export interface ScrapeRequest {
  /** `http://host:port`. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly method: "GET" | "POST";
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** One deadline for connecting, headers and body. */
  readonly timeoutMs: number;
  /** Most bytes of the decompressed body. */
  readonly bodyBytesMax: number;
}

/** The target cannot be scraped as it is defined; the message is the reason that its status shows. */
export class UnusableTargetError extends Error {
  override name = "UnusableTargetError";
}

export const timeoutSecondsDefault = 10;

/** What Prometheus 3 accepts in text form, in its order of preference. */
const accept = [
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6",
  "application/openmetrics-text;version=0.0.1;q=0.5",
  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4",
  "text/plain;version=0.0.4;q=0.3",
  "*/*;q=0.2",
].join(",");

/**
 * The request that scrapes `target` for `metric`. The metric's own headers replace ours of the same name; its
 * parameters follow those of its uri.
 * @param version Of this program, for the User-Agent.
 * @throws UnusableTargetError when the address is none, or what is asked for is not supported yet.
 */
export function planRequest(metric: CollectionMetric, target: CollectionTarget, version: string): ScrapeRequest {
  refuseUnsupported(metric, target);
  const timeoutSeconds = Math.min(metric.timeout ?? timeoutSecondsDefault, metric.frequency);
  const headers: Record<string, string> = {
    accept,
    "accept-encoding": "gzip",
    "user-agent": `bcs-metric/${version}`,
    "x-prometheus-scrape-timeout-seconds": String(timeoutSeconds),
  };
  for (const [name, value] of Object.entries(metric.head)) headers[name.toLowerCase()] = value;
  const url = urlOf(metric, target);
  return {
    origin: url.origin,
    path: url.pathname + url.search,
    method: metric.method,
    headers,
    timeoutMs: timeoutSeconds * 1000,
    bodyBytesMax: metric.limits.bodyBytes,
  };
}

function refuseUnsupported(metric: CollectionMetric, target: CollectionTarget): void {
  const refuse = (what: string) => {
    throw new UnusableTargetError(`${what} not supported yet`);
  };
  if (metric.relabelings.length > 0 || metric.metricRelabelings.length > 0) refuse("relabelings are");
  if (metric.auth !== undefined) refuse("auth is");
  if (metric.tls !== undefined || (target.scheme ?? metric.scheme) === "https") refuse("https is");
}

/** What would turn a part of an address into something else than host and port within a URL. */
const urlDelimiter = /[@/\\?#%]/;

/** The address is checked on its own first, so that no uri can lead to another host. */
function urlOf(metric: CollectionMetric, target: CollectionTarget): URL {
  if (urlDelimiter.test(target.address)) {
    throw new UnusableTargetError(`Cannot read address "${target.address}": expected HOST:PORT`);
  }
  try {
    parseAddress(target.address);
    const url = new URL(`http://${target.address}${metric.uri}`);
    for (const [name, value] of Object.entries(metric.parameters)) url.searchParams.append(name, value);
    return url;
  } catch (error) {
    throw new UnusableTargetError(messageOf(error), { cause: error });
  }
}
