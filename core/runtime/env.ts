/**
 * Everything a part of the system may know of the world outside itself. Logic receives an {@link Env} (or the one
 * member it needs) and never reaches for a global, so that a seeded simulation can replace time, chance, disk and
 * network at once.
 */
export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly fs: FileSystem;
  readonly net: Network;
}

export interface Clock {
  /** Wall-clock time in Unix milliseconds. It may jump: use it for timestamps and aligned schedules only. */
  wallMs(): number;
  /** Milliseconds from an arbitrary start that never go back. Use it for every interval and deadline. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. The returned function cancels it. */
  after(delayMs: number, run: () => void): () => void;
}

export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  bytes(count: number): Uint8Array;
}

/** The few file operations that durable code needs, each of which can fail or be cut short by a crash. */
export interface FileSystem {
  readFile(path: string): Promise<Uint8Array>;
  /** Names in a directory, unsorted. Throws {@link FileMissingError} when it is absent. */
  readDir(path: string): Promise<DirEntry[]>;
  stat(path: string): Promise<{ readonly bytes: number; readonly modifiedMs: number } | null>;
  /** The absolute path with all symbolic links followed. Throws {@link FileMissingError} when nothing is there. */
  realPath(path: string): Promise<string>;
  /** Opens for reading and writing; `create` makes the file when it is absent, `exclusive` fails when it is not. */
  open(path: string, mode: "read" | "create" | "exclusive"): Promise<FileHandle>;
  makeDir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removing what is not there is a success. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory survive a power cut. */
  syncDir(path: string): Promise<void>;
}

export interface DirEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
}

export interface FileHandle {
  /** Reads up to `into.length` bytes at `position`; fewer only at the end of the file. Returns the count. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes` at `position`. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /** fdatasync: after it returns, what was written survives a power cut. */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface Network {
  /** With `tls`, `open` comes after the handshake; a server that cannot be trusted ends the connection before it. */
  connect(address: SocketAddress, handlers: ConnectionHandlers, tls?: ClientTls): Connection;
  /**
   * With `tls`, connections are accepted after their handshake; one that fails never appears.
   * Rejects with {@link ListenError} when the address cannot be bound, or the certificate cannot be used.
   */
  listen(
    address: SocketAddress,
    accept: (connection: Connection) => ConnectionHandlers,
    tls?: ServerTls,
  ): Promise<Listener>;
}

/** The client's end of TLS 1.2 or 1.3; all PEM. */
export interface ClientTls {
  /** Certificates that are trusted to sign the server's. Default: those that the runtime trusts. */
  readonly ca?: string | undefined;
  /** The client's own certificate, with `key`, for a server that asks for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the server's certificate must hold. Default: the host that is connected. */
  readonly serverName?: string | undefined;
}

/** The server's end of TLS 1.2 or 1.3; all PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Certificates that are trusted to sign the clients': every client must show one then (mutual TLS). */
  readonly clientCa?: string | undefined;
}

/** What a client's certificate, which was verified, says of its subject: the alternative names in it. */
export interface PeerIdentity {
  /** DNS names. */
  readonly names: readonly string[];
  readonly uris: readonly string[];
}

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionHandlers {
  open?(): void;
  /** The bytes are valid only during the call: copy what is kept. */
  data(bytes: Uint8Array): void;
  /** Called after a `write` that returned false, when the buffer has been handed on. */
  drain?(): void;
  /** Called exactly once, at the end of the connection, whatever ended it. */
  close(error: Error | null): void;
}

export interface Connection {
  readonly remote: string;
  /** At a server with mutual TLS: who connected. Null everywhere else. */
  readonly peer: PeerIdentity | null;
  /** Queues the bytes; false asks the caller to wait for `drain`. The bytes must not change afterwards. */
  write(bytes: Uint8Array): boolean;
  /** Bytes given to `write` that the system has not taken yet. */
  unsentBytes(): number;
  /** Stops and resumes `data`, so that a slow consumer slows its peer. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface Listener {
  readonly address: SocketAddress;
  /**
   * Uses another certificate, key and client CA from the next connection on; those that are open stay.
   * @throws Error when they cannot be used, or the listener was not opened with TLS; nothing has changed then.
   */
  renewTls(tls: ServerTls): void;
  close(): Promise<void>;
}

export class FileMissingError extends Error {
  override name = "FileMissingError";
}

/** An address could not be bound; the message says what to do about it. */
export class ListenError extends Error {
  override name = "ListenError";
}
