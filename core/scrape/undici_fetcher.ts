import { Client } from "undici";
import type { Clock } from "../runtime/env.ts";
import { SecretError } from "../secrets/secret_source.ts";
import type { ScrapeAccess } from "./access.ts";
import { makeConnector } from "./connector.ts";
import { CredentialReader, type Credentials, type TlsMaterial } from "./credentials.ts";
import { Exchange, type FetchOutcome } from "./exchange.ts";
import { type Hop, nextHop, RedirectError, redirectsMax } from "./redirect.ts";
import type { ScrapeRequest } from "./request.ts";
import { closedReason, keepAliveMsMax, type TargetFetcher, unfetched } from "./target_fetcher.ts";

/** What undici may take beyond our own deadline to notice that a connection attempt leads nowhere. */
const connectGraceMs = 1000;

/**
 * Fetches by undici, over a connection of its own that is kept alive from scrape to scrape: whatever is not plain. Any
 * failure destroys the connection, so that neither an unread body nor a hanging connection attempt outlives its scrape.
 *
 * undici's own timeouts are coarse and start anew at each stage: the clock measures one deadline over all of them.
 */
export class UndiciFetcher implements TargetFetcher {
  readonly #request: ScrapeRequest;
  readonly #frequencyMs: number;
  readonly #clock: Clock;
  readonly #access: ScrapeAccess;
  readonly #credentials: CredentialReader;
  readonly #firstHop: Hop;
  #client: Client | null = null;
  /** What the client was made with. */
  #material: TlsMaterial | null = null;
  /** A connection to where the target redirected to. */
  #other: Client | null = null;
  #current: Exchange | null = null;
  #closed = false;

  constructor(request: ScrapeRequest, frequencyMs: number, clock: Clock, access: ScrapeAccess) {
    this.#request = request;
    this.#frequencyMs = frequencyMs;
    this.#clock = clock;
    this.#access = access;
    this.#credentials = new CredentialReader(request, access);
    const { origin, path, method } = request;
    this.#firstHop = { origin, path, method };
  }

  async fetch(): Promise<FetchOutcome> {
    const deadlineMs = this.#clock.monotonicMs() + this.#request.timeoutMs;
    let credentials: Credentials;
    try {
      credentials = await this.#credentials.read();
    } catch (error) {
      if (!(error instanceof SecretError)) throw error;
      return { ...unfetched(error.message), refused: "secret" };
    }
    if (this.#closed) return unfetched(closedReason);
    let hop = this.#firstHop;
    let outcome = await this.#toTarget(hop, credentials, deadlineMs);
    for (let followed = 0; !outcome.ok && outcome.location !== undefined && !this.#closed; followed++) {
      const { status, location } = outcome;
      if (followed === redirectsMax) return unfetched(`HTTP ${status} after ${redirectsMax} redirects`, status);
      try {
        hop = nextHop(hop, status, location);
      } catch (error) {
        if (!(error instanceof RedirectError)) throw error;
        return unfetched(error.message, status);
      }
      outcome = hop.origin === this.#request.origin
        ? await this.#toTarget(hop, credentials, deadlineMs)
        : await this.#elsewhere(hop, credentials, deadlineMs);
    }
    return outcome;
  }

  close(): void {
    this.#closed = true;
    this.#current?.fail(closedReason);
    this.#dropClient();
    this.#dropOther();
  }

  /** Over the kept connection, with everything that the metric has for its target. */
  async #toTarget(hop: Hop, { authorization, tls }: Credentials, deadlineMs: number): Promise<FetchOutcome> {
    // Renewed certificates count from the next connection on, so there has to be one.
    if (this.#material !== tls) this.#dropClient();
    this.#material = tls;
    const { headers } = this.#request;
    const all = authorization === null ? headers : { ...headers, authorization: authorization.reveal() };
    const kept = this.#client !== null;
    this.#client ??= this.#makeClient(hop.origin, tls);
    let outcome = await this.#attempt(this.#client, hop, all, deadlineMs);
    if (!outcome.ok) this.#dropClient();
    if (!outcome.ok && outcome.unanswered && kept && hop.method === "GET" && !this.#closed) {
      this.#client = this.#makeClient(hop.origin, tls);
      outcome = await this.#attempt(this.#client, hop, all, deadlineMs);
      if (!outcome.ok) this.#dropClient();
    }
    return outcome;
  }

  /**
   * To another origin than the target's: no credentials, none of the metric's own headers, which may be some too, and
   * no certificate of ours.
   */
  async #elsewhere(hop: Hop, { tls: { ca } }: Credentials, deadlineMs: number): Promise<FetchOutcome> {
    this.#other = this.#makeClient(hop.origin, ca === undefined ? {} : { ca });
    const outcome = await this.#attempt(this.#other, hop, this.#request.plainHeaders, deadlineMs);
    this.#dropOther();
    return outcome;
  }

  async #attempt(
    client: Client,
    { path, method }: Hop,
    headers: Readonly<Record<string, string>>,
    deadlineMs: number,
  ): Promise<FetchOutcome> {
    const { timeoutMs, bodyBytesMax, address, followRedirects } = this.#request;
    const clock = this.#clock;
    const remainingMs = deadlineMs - clock.monotonicMs();
    const outcome = await new Promise<FetchOutcome>((settled) => {
      const exchange = { clock, remainingMs, timeoutMs, bodyBytesMax, address, followRedirects, settled };
      this.#current = new Exchange(exchange);
      // Only a GET may be repeated when a kept connection turns out to be closed, so only a GET uses one.
      client.dispatch({ path, method, headers: { ...headers }, reset: method !== "GET" }, this.#current);
    });
    this.#current = null;
    return outcome;
  }

  #makeClient(origin: string, tls: TlsMaterial): Client {
    const { timeoutMs, proxy, tls: wanted } = this.#request;
    const connectTimeoutMs = timeoutMs + connectGraceMs;
    const isTarget = origin === this.#request.origin;
    return new Client(origin, {
      allowH2: false,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: Math.min(2 * this.#frequencyMs, keepAliveMsMax),
      keepAliveMaxTimeout: keepAliveMsMax,
      connect: makeConnector({
        addresses: this.#access.addresses,
        tls,
        // A redirect's certificate is checked, and for where it leads.
        serverName: isTarget ? wanted?.serverName : undefined,
        insecureSkipVerify: isTarget && wanted?.insecureSkipVerify === true,
        proxy,
        timeoutMs: connectTimeoutMs,
        clock: this.#clock,
      }),
    });
  }

  #dropClient(): void {
    destroy(this.#client);
    this.#client = null;
  }

  #dropOther(): void {
    destroy(this.#other);
    this.#other = null;
  }
}

function destroy(client: Client | null): void {
  // Rejections concern requests, and none is left.
  client?.destroy().catch(() => null);
}
