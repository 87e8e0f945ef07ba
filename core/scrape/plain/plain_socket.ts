import * as net from "node:net";

/** Who uses a connection now. */
export interface SocketUser {
  connected(): void;
  /** Where the next bytes are read to; never empty. */
  room(): Uint8Array;
  /** The first `count` of `bytes`, the room of before, have come; valid during the call unless the room is one's own. */
  took(bytes: Uint8Array, count: number): void;
  /** The peer sends nothing more, or the connection broke: the last call. */
  ended(error: Error | null): void;
}

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
  /** Resolves the host, if it is a name, and refuses addresses. */
  readonly lookup: net.LookupFunction;
}

/**
 * What bytes are read into while nobody has a room for them, as for a head. One for all connections: each read is dealt
 * with before the next one is made.
 */
export const sharedRoom: Uint8Array = new Uint8Array(64 * 1024);

/** As undici's. */
const tcpKeepAliveMs = 60_000;

/**
 * One TCP connection, with one user at a time or none. While it has none, everything that comes is unwanted and closes
 * it. Reading goes by `onread`, into the user's own memory, without streams or buffers in between.
 */
export class PlainSocket {
  readonly #socket: net.Socket;
  #user: SocketUser | null;
  #isUsable = true;

  constructor({ host, port, lookup }: SocketAddress, user: SocketUser) {
    this.#user = user;
    this.#socket = net.connect({
      host,
      port,
      lookup,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveMs,
      onread: {
        buffer: () => this.#user?.room() ?? sharedRoom,
        callback: (count, bytes) => {
          if (this.#user === null) this.destroy();
          else this.#user.took(bytes, count);
          return true;
        },
      },
    });
    this.#socket.once("connect", () => this.#user?.connected());
    this.#socket.once("end", () => this.#end(null));
    this.#socket.on("error", (error) => this.#end(error));
    this.#socket.once("close", () => this.#end(null));
  }

  /** Whether another request may be made: neither end has closed it, as far as is known. */
  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** Hands the connection to another user, or to none. */
  use(user: SocketUser | null): void {
    this.#user = user;
  }

  /** The bytes must not change afterwards. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Closes at once; the user hears nothing more. `closed` is called when nothing is read any more. */
  destroy(closed: () => void = () => {}): void {
    this.#user = null;
    this.#isUsable = false;
    if (this.#socket.closed) closed();
    else this.#socket.once("close", closed);
    this.#socket.destroy();
  }

  #end(error: Error | null): void {
    this.#isUsable = false;
    const user = this.#user;
    this.#user = null;
    user?.ended(error);
    this.#socket.destroy();
  }
}
