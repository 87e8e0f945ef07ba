import type { ScrapeRequest } from "../request.ts";

/** Headers that say how the connection is used, or that announce a body: undici knows what to do about each. */
const unusual: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Whether the request is a scrape as nearly all are: a GET by http, straight to the target, without redirects, with
 * nothing unusual among its headers.
 */
export function isPlain({ origin, method, proxy, followRedirects, headers }: ScrapeRequest): boolean {
  return origin.startsWith("http:") && method === "GET" && proxy === "" && !followRedirects
    && Object.entries(headers).every(([name, value]) => isUsual(name, value));
}

function isUsual(name: string, value: string): boolean {
  return /^[a-z0-9_-]+$/.test(name) && !unusual.has(name) && /^[\t\x20-\x7e]*$/.test(value);
}

/**
 * The bytes of the request.
 * @param authorization Value of that header; null without one.
 * @param keepAlive Whether the connection is to be kept for the next one.
 */
export function encodeRequest(
  { origin, path, headers }: ScrapeRequest,
  authorization: string | null,
  keepAlive: boolean,
): Uint8Array {
  const host = headers["host"] ?? new URL(origin).host;
  const lines = [`GET ${path} HTTP/1.1`, `host: ${host}`, `connection: ${keepAlive ? "keep-alive" : "close"}`];
  for (const [name, value] of Object.entries(headers)) if (name !== "host") lines.push(`${name}: ${value}`);
  if (authorization !== null) lines.push(`authorization: ${authorization}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}
