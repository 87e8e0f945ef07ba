import * as net from "node:net";
import * as nodeTls from "node:tls";
import { errorCode, messageOf } from "../errors.ts";
import {
  type Connection,
  type ConnectionHandlers,
  ListenError,
  type Network,
  type ServerTls,
  type SocketAddress,
} from "./env.ts";
import { clientTlsOptions, peerOf, serverTlsOptions } from "./system_tls.ts";

/** A client that has not finished its handshake by then is dropped. */
const handshakeMaxMs = 10_000;

/** TCP by `node:net` and TLS by `node:tls`, which both runtimes have. */
export const systemNetwork: Network = {
  connect(address, handlers, tls) {
    const socket = tls === undefined
      ? net.connect({ host: address.host, port: address.port, noDelay: true })
      : connectTls(address, clientTlsOptions(address, tls));
    socket.once(tls === undefined ? "connect" : "secureConnect", () => handlers.open?.());
    wire(socket, handlers);
    return connectionOf(socket, formatAddress(address), null);
  },

  async listen(address, accept, tls) {
    const onSocket = (socket: net.Socket) => {
      const remote = formatAddress({ host: socket.remoteAddress ?? "?", port: socket.remotePort ?? 0 });
      const mutual = tls?.clientCa !== undefined && socket instanceof nodeTls.TLSSocket;
      const connection = connectionOf(socket, remote, mutual ? peerOf(socket) : null);
      wire(socket, accept(connection));
    };
    const server = tls === undefined
      ? net.createServer({ noDelay: true }, onSocket)
      : listenerTls(address, tls, onSocket);
    const open = new Set<net.Socket>();
    server.on("connection", (socket: net.Socket) => {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(listenError(address, error)));
      server.listen(address.port, address.host, resolve);
    });
    const bound = server.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
    return {
      address: { host: address.host, port },
      renewTls: (renewed) => renewTls(server, tls, renewed),
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of open) socket.destroy();
        }),
    };
  },
};

function connectTls(address: SocketAddress, options: nodeTls.ConnectionOptions): net.Socket {
  const socket = nodeTls.connect({ host: address.host, port: address.port, ...options });
  socket.setNoDelay(true);
  return socket;
}

function listenerTls(address: SocketAddress, tls: ServerTls, onSocket: (socket: net.Socket) => void): nodeTls.Server {
  try {
    const options = { ...serverTlsOptions(tls), noDelay: true, handshakeTimeout: handshakeMaxMs };
    return nodeTls.createServer(options, onSocket);
  } catch (error) {
    throw listenError(address, error);
  }
}

/** @throws Error as {@link Listener.renewTls} tells. */
export function renewTls(server: net.Server, present: ServerTls | undefined, renewed: ServerTls): void {
  if (present === undefined || !(server instanceof nodeTls.Server)) {
    throw new Error("Cannot renew the certificate of a listener without TLS");
  }
  if ((present.clientCa === undefined) !== (renewed.clientCa === undefined)) {
    throw new Error("Cannot begin or end to ask clients for certificates while listening");
  }
  server.setSecureContext(serverTlsOptions(renewed));
}

function wire(socket: net.Socket, handlers: ConnectionHandlers): void {
  let failure: Error | null = null;
  socket.on("error", (error) => failure = error);
  socket.on("data", (bytes) => handlers.data(bytes));
  socket.on("drain", () => handlers.drain?.());
  socket.once("close", () => handlers.close(failure));
}

function connectionOf(socket: net.Socket, remote: string, peer: Connection["peer"]): Connection {
  return {
    remote,
    peer,
    write: (bytes) => socket.writable && socket.write(bytes),
    unsentBytes: () => socket.writableLength,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
  };
}

/** Turns a failed bind into one line that says what to do. */
export function listenError(address: SocketAddress, cause: unknown): ListenError {
  const where = formatAddress(address);
  const code = errorCode(cause);
  const advice = code === "EADDRINUSE" || (cause instanceof Error && cause.name === "AddrInUse")
    ? "the port is in use; stop what listens there or choose another port"
    : code === "EACCES"
    ? "permission denied; choose a port above 1023 or run with the right to bind it"
    : code === "EADDRNOTAVAIL"
    ? "this machine has no such address; choose one of its own"
    : messageOf(cause);
  return new ListenError(`Cannot listen on ${where}: ${advice}`, { cause });
}

/** `host:port`, with brackets round an IPv6 address. */
export function formatAddress(address: SocketAddress): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/**
 * Reads `host:port` or `[v6]:port`.
 * @throws RangeError that names the text when it is not an address or the port is outside 0..65535.
 */
export function parseAddress(text: string): SocketAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) {
    throw new RangeError(`Cannot read address "${text}": expected HOST:PORT, such as 127.0.0.1:7070`);
  }
  return { host: match[1] ?? match[2] ?? "", port };
}
