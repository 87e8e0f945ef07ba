import type { Clock } from "../../runtime/env.ts";
import { SecretError } from "../../secrets/secret_source.ts";
import type { ScrapeAccess } from "../access.ts";
import { CredentialReader } from "../credentials.ts";
import type { FetchOutcome } from "../exchange.ts";
import type { ScrapeRequest } from "../request.ts";
import { closedReason, keepAliveMsMax, type TargetFetcher, unfetched } from "../target_fetcher.ts";
import type { BodyMemory } from "./body_memory.ts";
import { type BodyListener, type BodySizes, PlainExchange } from "./plain_exchange.ts";
import { encodeRequest } from "./plain_request.ts";
import { PlainSocket } from "./plain_socket.ts";

/** A target that says how long it keeps a connection may have closed it so much earlier, as seen from here. */
const keepAliveSlackMs = 1000;

/**
 * Fetches plain scrapes over a connection of its own, straight from `node:net` into the memory where they are read:
 * a third of what an HTTP library costs (`scripts/bench fetch`). The reasons of failures are those of the other path.
 */
export class PlainFetcher implements TargetFetcher {
  readonly #request: ScrapeRequest;
  readonly #clock: Clock;
  readonly #access: ScrapeAccess;
  readonly #memory: BodyMemory;
  readonly #credentials: CredentialReader;
  readonly #address: { readonly host: string; readonly port: number };
  /** Why the address must not be connected to; a name is looked at when it is resolved. */
  readonly #denied: string | null;
  /** Whether a connection lives from one scrape to the next. */
  readonly #keeps: boolean;
  readonly #frequencyMs: number;
  /** The request without credentials, which is always the same. */
  readonly #encoded: Uint8Array;
  #idle: PlainSocket | null = null;
  #idleUntilMs = 0;
  #current: PlainExchange | null = null;
  #sizes: BodySizes = { sent: 0, decoded: 0 };
  #isClosed = false;

  constructor(
    request: ScrapeRequest,
    frequencyMs: number,
    clock: Clock,
    access: ScrapeAccess,
    memory: BodyMemory,
  ) {
    this.#request = request;
    this.#clock = clock;
    this.#access = access;
    this.#memory = memory;
    this.#credentials = new CredentialReader(request, access);
    this.#frequencyMs = frequencyMs;
    this.#keeps = frequencyMs < keepAliveMsMax;
    const { hostname, port } = new URL(request.origin);
    this.#address = { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 80 : Number(port) };
    this.#denied = access.addresses.problem(this.#address.host);
    this.#encoded = encodeRequest(request, null, this.#keeps);
  }

  async fetch(onBody: BodyListener | null = null): Promise<FetchOutcome> {
    const deadlineMs = this.#clock.monotonicMs() + this.#request.timeoutMs;
    let bytes = this.#encoded;
    if (this.#request.auth !== undefined) {
      try {
        const { authorization } = await this.#credentials.read();
        bytes = encodeRequest(this.#request, authorization?.reveal() ?? null, this.#keeps);
      } catch (error) {
        if (!(error instanceof SecretError)) throw error;
        return { ...unfetched(error.message), refused: "secret" };
      }
    }
    if (this.#isClosed) return unfetched(closedReason);
    if (this.#denied !== null) return { ...unfetched(this.#denied), refused: "address" };
    const kept = this.#takeIdle();
    const outcome = await this.#attempt(kept, bytes, deadlineMs, onBody);
    // The target closed the connection just when it was used again, which says nothing about this scrape.
    const again = !outcome.ok && outcome.unanswered && kept !== null && !this.#isClosed;
    return again ? await this.#attempt(null, bytes, deadlineMs, onBody) : outcome;
  }

  close(): void {
    this.#isClosed = true;
    this.#current?.fail(closedReason);
    this.#idle?.destroy();
    this.#idle = null;
  }

  #attempt(
    kept: PlainSocket | null,
    request: Uint8Array,
    deadlineMs: number,
    onBody: BodyListener | null,
  ): Promise<FetchOutcome> {
    const { timeoutMs, bodyBytesMax, address } = this.#request;
    return new Promise((resolve) => {
      const exchange = new PlainExchange({
        clock: this.#clock,
        remainingMs: deadlineMs - this.#clock.monotonicMs(),
        timeoutMs,
        bodyBytesMax,
        address,
        request,
        memory: this.#memory,
        bytesExpected: this.#sizes,
        onBody,
        settled: (outcome, keptMs, sizes) => {
          this.#current = null;
          if (outcome.ok) this.#sizes = sizes;
          if (keptMs > 0) this.#keep(socket, keptMs);
          resolve(outcome);
        },
      });
      this.#current = exchange;
      const { lookup } = this.#access.addresses;
      const socket = kept ?? new PlainSocket({ ...this.#address, lookup }, exchange);
      if (kept !== null) kept.use(exchange);
      exchange.start(socket, kept !== null);
    });
  }

  /** Keeps the connection for the next scrape, unless the target will have closed it by then. */
  #keep(socket: PlainSocket, keptMs: number): void {
    if (this.#keeps && !this.#isClosed && keptMs - keepAliveSlackMs > this.#frequencyMs) {
      this.#idle = socket;
      this.#idleUntilMs = this.#clock.monotonicMs() + Math.min(2 * this.#frequencyMs, keepAliveMsMax);
    } else socket.destroy();
  }

  #takeIdle(): PlainSocket | null {
    const idle = this.#idle;
    this.#idle = null;
    if (idle === null) return null;
    if (idle.isUsable && this.#clock.monotonicMs() < this.#idleUntilMs) return idle;
    idle.destroy();
    return null;
  }
}
