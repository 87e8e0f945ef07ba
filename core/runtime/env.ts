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
  connect(address: SocketAddress, handlers: ConnectionHandlers): Connection;
  /** Rejects with {@link ListenError} when the address cannot be bound. */
  listen(address: SocketAddress, accept: (connection: Connection) => ConnectionHandlers): Promise<Listener>;
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
  /** Queues the bytes; false asks the caller to wait for `drain`. The bytes must not change afterwards. */
  write(bytes: Uint8Array): boolean;
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
  close(): Promise<void>;
}

export class FileMissingError extends Error {
  override name = "FileMissingError";
}

/** An address could not be bound; the message says what to do about it. */
export class ListenError extends Error {
  override name = "ListenError";
}
