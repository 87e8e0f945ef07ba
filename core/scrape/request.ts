import type { CollectionMetric, CollectionTarget } from "../config/schema.ts";
import { messageOf } from "../errors.ts";
import { parseAddress } from "../runtime/system_net.ts";
import { acceptHeader } from "./negotiate.ts";

/** One HTTP request, the same for every scrape of a target. */
export interface ScrapeRequest {
  /** `http://host:port` or `https://host:port`. */
  readonly origin: string;
  /** The target as its metric names it, for messages. */
  readonly address: string;
  /** Path and query. */
  readonly path: string;
  readonly method: "GET" | "POST";
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Those that do not come from the metric: a redirect to another origin gets these alone. */
  readonly plainHeaders: Readonly<Record<string, string>>;
  /** One deadline for connecting, headers and body. */
  readonly timeoutMs: number;
  /** Most bytes of the decompressed body. */
  readonly bodyBytesMax: number;
  /** References to the credentials, which are read for each scrape. */
  readonly auth: CollectionMetric["auth"];
  /** Counts with https only. */
  readonly tls: CollectionMetric["tls"];
  /** `http://host:port` of the proxy on the way; "" without one. */
  readonly proxy: string;
  readonly followRedirects: boolean;
}

/** The target cannot be scraped as it is defined; the message is the reason that its status shows. */
export class UnusableTargetError extends Error {
  override name = "UnusableTargetError";
}

export const timeoutSecondsDefault = 10;

/**
 * The request that scrapes `target` for `metric`. The metric's own headers replace ours of the same name; its
 * parameters follow those of its uri.
 * @param version Of this program, for the User-Agent.
 * @throws UnusableTargetError when the address is none, or what is asked for contradicts itself.
 */
export function planRequest(metric: CollectionMetric, target: CollectionTarget, version: string): ScrapeRequest {
  const timeoutSeconds = Math.min(metric.timeout ?? timeoutSecondsDefault, metric.frequency);
  const plainHeaders = {
    accept: acceptHeader(metric),
    "accept-encoding": "gzip",
    "user-agent": `bcs-metric/${version}`,
    "x-prometheus-scrape-timeout-seconds": String(timeoutSeconds),
  };
  const headers: Record<string, string> = { ...plainHeaders };
  for (const [name, value] of Object.entries(metric.head)) headers[name.toLowerCase()] = value;
  if (metric.auth !== undefined && headers["authorization"] !== undefined) {
    throw new UnusableTargetError("head has Authorization, and auth makes one: leave one of them out");
  }
  const url = urlOf(metric, target);
  return {
    origin: url.origin,
    address: target.address,
    path: url.pathname + url.search,
    method: metric.method,
    headers,
    plainHeaders,
    timeoutMs: timeoutSeconds * 1000,
    bodyBytesMax: metric.limits.bodyBytes,
    auth: metric.auth,
    tls: url.protocol === "https:" ? metric.tls : undefined,
    proxy: metric.proxyUrl === undefined ? "" : new URL(metric.proxyUrl).origin,
    followRedirects: metric.followRedirects ?? false,
  };
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
    const url = new URL(`${target.scheme ?? metric.scheme}://${target.address}${target.uri ?? metric.uri}`);
    for (const [name, value] of Object.entries(target.parameters ?? metric.parameters)) {
      url.searchParams.append(name, value);
    }
    return url;
  } catch (error) {
    throw new UnusableTargetError(messageOf(error), { cause: error });
  }
}
