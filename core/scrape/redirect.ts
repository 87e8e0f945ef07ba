/** Redirects that are followed for one scrape. */
export const redirectsMax = 5;

/** Where a request goes: the target, or where it redirects to. */
export interface Hop {
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  readonly method: "GET" | "POST";
}

/** Why a redirect is not followed. */
export class RedirectError extends Error {
  override name = "RedirectError";
}

/**
 * The next hop (RFC 9110, section 15.4): 301, 302 and 303 turn a POST into a GET, 307 and 308 do not.
 * @throws RedirectError for a location that is no URL, is neither http nor https, or gives https up.
 */
export function nextHop(hop: Hop, status: number, location: string): Hop {
  const shown = location.slice(0, 200);
  let url: URL;
  try {
    url = new URL(location, hop.origin + hop.path);
  } catch (error) {
    throw new RedirectError(`HTTP ${status} to "${shown}", which is no URL`, { cause: error });
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new RedirectError(`HTTP ${status} to "${shown}", which is neither http nor https`);
  }
  if (hop.origin.startsWith("https:") && url.protocol !== "https:") {
    throw new RedirectError(`HTTP ${status} to "${shown}", which gives https up`);
  }
  const method = status === 307 || status === 308 ? hop.method : "GET";
  return { origin: url.origin, path: url.pathname + url.search, method };
}

/** Whether the status asks to look elsewhere. */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}
