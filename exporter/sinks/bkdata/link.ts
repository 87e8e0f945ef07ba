import { messageOf } from "../../../core/errors.ts";
import type { ClientTls, Clock, Connection, Network, SocketAddress } from "../../../core/runtime/env.ts";
import { formatAddress } from "../../../core/runtime/system_net.ts";

export interface GseLinkOptions {
  readonly address: SocketAddress;
  /** For connecting, and for each write until the system has taken it. */
  readonly timeoutMs: number;
  readonly net: Network;
  readonly clock: Clock;
  /** Asked for at each connection, so that a renewed certificate is used. */
  readonly tls: () => ClientTls | undefined;
}

/** The link is of no use now; the message names the address and says why. */
export class LinkError extends Error {
  override name = "LinkError";
}

/** How often it is looked whether the system has taken the rest of a write. */
const pollMs = 2;

/** One connection to one address of the pipe: opened when something is to be sent, and anew after it failed. */
export class GseLink {
  readonly #options: GseLinkOptions;
  #connection: Connection | null = null;
  #opened = Promise.withResolvers<void>();
  /** Replaced, and so settled by nobody, when the connection ends. */
  #ended = Promise.withResolvers<never>();

  constructor(options: GseLinkOptions) {
    this.#options = options;
  }

  /** Opens a connection unless there is one. @throws LinkError */
  async open(signal: AbortSignal): Promise<void> {
    if (this.#connection === null) this.#connect();
    await this.#within("it did not connect", this.#opened.promise, signal);
  }

  /** Resolves when the system has taken all of the bytes. @throws LinkError */
  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const connection = this.#connection;
    if (connection === null) throw this.#error("it is not connected");
    connection.write(bytes);
    if (connection.unsentBytes() > 0) {
      await this.#within("it did not take a record", this.#taken(connection), signal);
    }
    if (this.#connection !== connection) throw this.#error("the connection was closed");
  }

  /** Closes the connection at once. */
  close(): void {
    this.#connection?.destroy();
    this.#connection = null;
  }

  #connect(): void {
    const { address, net, tls } = this.#options;
    const opened = this.#opened = Promise.withResolvers<void>();
    const ended = this.#ended = Promise.withResolvers<never>();
    // Nobody may be waiting when it ends.
    ended.promise.catch(() => undefined);
    const connection = net.connect(address, {
      open: () => opened.resolve(),
      data: () => {},
      close: (error) => {
        if (this.#connection === connection) this.#connection = null;
        ended.reject(this.#error(error === null ? "the connection was closed" : describe(error)));
      },
    }, tls());
    this.#connection = connection;
  }

  async #taken(connection: Connection): Promise<void> {
    while (this.#connection === connection && connection.unsentBytes() > 0) {
      await new Promise<void>((resolve) => this.#options.clock.after(pollMs, resolve));
    }
  }

  /** The work, unless the connection ends, time runs out or the signal is aborted before: then the link is closed. */
  async #within(what: string, work: Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, timeoutMs } = this.#options;
    const limit = Promise.withResolvers<never>();
    const onAbort = () => limit.reject(this.#error("stopped"));
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const cancel = clock.after(timeoutMs, () => limit.reject(this.#error(`${what} within ${timeoutMs} ms`)));
    try {
      await Promise.race([work, this.#ended.promise, limit.promise]);
    } catch (error) {
      this.close();
      throw error;
    } finally {
      cancel();
      signal.removeEventListener("abort", onAbort);
    }
  }

  #error(why: string): LinkError {
    return new LinkError(`Cannot send to ${formatAddress(this.#options.address)}: ${why}`);
  }
}

function describe(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join("; ");
  return messageOf(error);
}
